"""Moves of servers: another one is made from a copy, and takes the place of the first when it answers."""
