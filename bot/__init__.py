"""The Slack bot. Knows Slack and asks kws_core; never OpenStack, never the database."""
