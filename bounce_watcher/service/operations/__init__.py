"""What a person or a platform asks for beside the loops: one operation a module, for shell, pages and API."""
