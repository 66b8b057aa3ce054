"""The command line: one module a command group. It parses arguments, asks the service, and prints."""
