"""SQLite: its dialect, its drivers, and how it is opened."""
