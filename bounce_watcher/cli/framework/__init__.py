"""The common parts of all commands: options, output, times, errors, and opening the ledger."""
