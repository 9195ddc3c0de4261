"""One module per thing that people want to do; each has ``register(app, desk)``."""
