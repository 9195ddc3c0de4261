"""The Web API of the workspace."""
