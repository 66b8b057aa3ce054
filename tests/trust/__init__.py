"""Whom a report may touch: of any two different addresses, what is said of the one changes nothing of the other."""
