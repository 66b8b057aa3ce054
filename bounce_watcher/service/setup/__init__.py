"""What `init` and `doctor` do: a mailbox found and tried, a configuration written, everything named in one examined."""
