"""Import from the previous system."""
