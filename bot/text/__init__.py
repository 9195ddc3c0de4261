"""Words in the person's language."""
