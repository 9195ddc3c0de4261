"""One module per intent; each has ``register``."""
