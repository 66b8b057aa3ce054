"""Stored events gone through again: under other rules, under another policy; and what is kept no longer."""
