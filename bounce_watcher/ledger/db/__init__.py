"""The database: how it is opened, its tables and their migrations, what differs between SQLite and PostgreSQL."""
