"""Rentals of servers on independent OpenStack nodes. Knows no Slack."""
