"""A person erased, and still suppressed: under a keyed hash instead of the address."""
