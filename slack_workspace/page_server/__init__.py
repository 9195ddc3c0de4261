"""The web page of the workspace."""
