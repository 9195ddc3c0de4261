"""What people see of what they used."""
