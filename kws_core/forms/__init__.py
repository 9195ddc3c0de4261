"""Pure checks of what people type."""
