"""What all commands are made of: options, output, times, errors, and what opens the ledger for them."""
