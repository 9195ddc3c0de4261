"""The commands of ``kws``."""
