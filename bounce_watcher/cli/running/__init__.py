"""Runs the service, one pass over the mailboxes, or an import of files."""
