"""What KWS tells people about outages of their nodes."""
