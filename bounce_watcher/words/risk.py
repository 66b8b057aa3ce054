"""What a configuration lets happen, and what to do about it."""

from bounce_watcher.policy.guards.limits import FloodSettings
from bounce_watcher.policy.settings import PolicySettings


def risk(policy: PolicySettings, *, has_key: bool) -> str | None:
    """What a configuration lets happen, in a sentence; None where nothing unproven counts."""
    if not policy.counts_unproven:
        return None
    state = "[policy.evidence] asks for less than a signature" if has_key else "attribution.token_key is not set"
    return f"{state}, so {danger(policy.flood)}"


def danger(settings: FloodSettings) -> str:
    """What can happen where unproven reports count."""
    bound = f"at most {settings.day} a day and {settings.month} in 30 days" if settings.enabled else "any number"
    return f"anyone who knows your recipients' addresses can forge bounces that suppress them, {bound}"


def remedy(*, has_key: bool) -> str:
    """What to do about it."""
    if has_key:
        return 'Take [policy.evidence] out as soon as all your mail is signed (README, "Signed return paths")'
    return (
        'Set attribution.token_key and sign your return paths (README, "Signed return paths"), or read '
        "bounce_watcher/policy/without-tokens.md"
    )
