"""Start here: the first commands."""
