"""Mailboxes over IMAP (RFC 3501): logging in, reading, and filing settled mail."""
