"""How the database is opened, versioned, read and written."""
