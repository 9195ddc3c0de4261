"""What is still to be told to owners and admins."""
