"""The demo: the real bot on a local Slack workspace."""
