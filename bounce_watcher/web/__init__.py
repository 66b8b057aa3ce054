"""The HTTP side of the running service: health, metrics, the API and the pages."""
