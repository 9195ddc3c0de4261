"""Copies of servers: kept before a rental ends, and brought back anywhere."""
