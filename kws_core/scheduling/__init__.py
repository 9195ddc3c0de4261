"""Which node gets a rental, and when."""
