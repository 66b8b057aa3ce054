"""Looks at mail: what a message says. Needs no ledger."""
