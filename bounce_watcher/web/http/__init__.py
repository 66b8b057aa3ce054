"""HTTP beside the pages: access control, headers of every answer, health and metrics."""
