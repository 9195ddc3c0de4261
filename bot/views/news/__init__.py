"""What KWS tells people by itself of outages of their nodes."""
