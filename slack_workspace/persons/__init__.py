"""People at the keyboard of the workspace."""
