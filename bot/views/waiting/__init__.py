"""What people see of waiting for room, of first days, and of what is free on which day."""
