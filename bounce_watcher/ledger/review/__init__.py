"""What waits for a person: mail that was not recognised, and opt-outs."""
