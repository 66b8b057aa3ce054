"""The ledger: what it holds, and what a person decides."""
