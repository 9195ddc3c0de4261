"""Images of all nodes as one."""
