"""Requests to the admins for more than the policy allows: asking, deciding, and doing what was approved."""
