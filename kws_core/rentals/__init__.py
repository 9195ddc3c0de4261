"""Use cases of one rental."""
