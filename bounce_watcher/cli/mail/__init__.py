"""Looking at mail: what a message says. No ledger is needed."""
