"""The HTTP side of the running service: health, and what the platform reports of its mail."""
