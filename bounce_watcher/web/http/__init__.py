"""HTTP beside the pages: who may ask, what every answer bears, health and metrics."""
