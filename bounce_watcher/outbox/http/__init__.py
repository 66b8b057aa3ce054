"""HTTP to receivers and platforms: what is asked, where a call may go, and how long it may take."""
