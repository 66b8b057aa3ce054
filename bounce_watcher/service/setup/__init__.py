"""The work of `init` and `doctor`: finds and tries a mailbox, writes a configuration, checks everything that one names.
"""
