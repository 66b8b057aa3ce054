"""The work of `init` and `doctor`: finds and tries a mailbox, writes a configuration, checks all that one names."""
