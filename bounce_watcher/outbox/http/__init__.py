"""HTTP to receivers and platforms: the requests, where a call may go, and how long it may take."""
