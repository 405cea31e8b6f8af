"""The SQL store: real tables on SQLAlchemy Core, and the driver's own cursor on the hot paths."""
