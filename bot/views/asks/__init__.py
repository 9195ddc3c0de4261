"""What people see of requests to the admins: where they ask, what the admins read, and where these decide."""
