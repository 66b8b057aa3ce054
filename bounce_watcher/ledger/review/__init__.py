"""What waits for a person: unrecognised mail, and opt-outs."""
