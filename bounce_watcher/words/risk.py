"""The risk that a configuration allows, and the remedy."""

from bounce_watcher.policy.guards.limits import FloodSettings
from bounce_watcher.policy.settings import PolicySettings


def risk(policy: PolicySettings, *, has_key: bool) -> str | None:
    """Returns the risk of a configuration in a sentence; None if no unproven report counts."""
    if not policy.counts_unproven:
        return None
    state = "[policy.evidence] asks for less than a signature" if has_key else "attribution.token_key is not set"
    return f"{state}, so {danger(policy.flood)}"


def danger(settings: FloodSettings) -> str:
    """Returns what can happen if unproven reports count."""
    bound = f"at most {settings.day} a day and {settings.month} in 30 days" if settings.enabled else "any number"
    return f"anyone who knows your recipients' addresses can forge bounces that suppress them, {bound}"


def remedy(*, has_key: bool) -> str:
    """Returns the remedy."""
    if has_key:
        return 'Take [policy.evidence] out as soon as all your mail is signed (README, "Signed return paths")'
    return (
        'Set attribution.token_key and sign your return paths (README, "Signed return paths"), or read '
        "bounce_watcher/policy/without-tokens.md"
    )
