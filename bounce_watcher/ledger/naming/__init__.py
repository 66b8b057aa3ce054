"""The names an address goes by: its own, the hash of one who was forgotten, one for links, a pseudonym."""
