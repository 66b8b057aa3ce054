"""bounce_watcher: from a bounce in a mailbox to a suppression at the platform."""
