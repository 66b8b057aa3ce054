"""Items that wait for their targets, and what each target's own list lacks."""
