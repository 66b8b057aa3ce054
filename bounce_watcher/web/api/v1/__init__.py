"""Version 1 of the HTTP API, with its OpenAPI description at /api/v1/openapi.json."""
