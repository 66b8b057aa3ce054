"""Mail analysed in processes that are shut in, and judged in the service."""
