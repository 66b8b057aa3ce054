"""Running it: the service, one pass over the mailboxes, and files read by hand."""
