"""What a person or a platform asks for beside the loops: one operation per module, for shell, pages and API."""
