"""The nightly cleanup and the reminders before it."""
