"""Goes through stored events again, under other rules or another policy; and deletes what is no longer kept."""
