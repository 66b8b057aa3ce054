"""Records what mail and platforms report: one transaction for each page, with the alerts that it raises."""
