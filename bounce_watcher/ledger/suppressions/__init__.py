"""Suppressions that begin and end without a report: by a person, an import, the clock; and what targets hear."""
