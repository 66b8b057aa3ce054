"""What stands between a report and a suppression when too much happens at once: outages, floods, own trouble."""
