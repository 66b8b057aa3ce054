"""What the ledger holds, as lists and as numbers. Nothing here writes."""
