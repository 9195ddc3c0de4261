"""Web addresses of rentals: names, and the proxy that serves them."""
