"""How many examples of hypothesis a test tries: by default a few, the same each time; more, by chance, with --all."""

from hypothesis import settings

USUAL = 100


def examples(many: int) -> int:
    """For a test that needs more or fewer than `USUAL`: see the profiles in conftest.py."""
    return max(5, many * settings.default.max_examples // USUAL) if settings.default else many
