"""Reads what the ledger holds, as lists and as numbers. Nothing here writes."""
