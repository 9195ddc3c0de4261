"""``kws doctor``: finds out what is wrong with an installation."""
