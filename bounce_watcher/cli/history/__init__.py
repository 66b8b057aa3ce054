"""History: stored events undone, replayed, judged again or erased."""
