"""Closes the gap between what the database wants and what the nodes show."""
