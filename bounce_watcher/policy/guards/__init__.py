"""Guards against too many reports at once: outages, floods, and trouble of our own."""
