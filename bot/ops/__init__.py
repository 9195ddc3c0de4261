"""What whoever runs the bot needs: logs, health, metrics."""
