"""Suppressions that begin and end without a report: by a person, an import or the clock; and what targets are sent."""
