"""The names of an address: its own, the hash once it is forgotten, one for links, and a pseudonym."""
