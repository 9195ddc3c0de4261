"""The simulated node."""
