"""How definitions and records are read from documents and written to them."""
