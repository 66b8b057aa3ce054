"""Erases a person, who stays suppressed under a keyed hash instead of the address."""
