"""What mail and platforms report, written down: one transaction a page, with the alerts that come of it."""
