"""A node that is an OpenStack: all that knows its services."""
