"""What an operator of the bot needs: logs, health, metrics."""
