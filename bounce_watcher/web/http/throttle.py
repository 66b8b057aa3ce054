"""Throttling of failed sign-ins: a peer gets some tries, then only slow ones. Other peers are not affected.

Each failure is one line in the log, made for fail2ban (README, Dashboard).
"""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from math import ceil

from bounce_watcher.logs import log
from bounce_watcher.web.http.peers import network_of

BURST = 10
"""The failures of one peer that are answered at once."""
PACE = timedelta(seconds=10)
"""The time until the peer gets one more try."""
MOST_PEERS = 10_000
"""The most peers remembered. Those that failed longest ago are forgotten first."""



class Throttle:
    """Counts failures of each peer, IPv6 by /64. A peer without tries left is refused, whatever token it shows.

    So it learns nothing about its guesses: checking the token first and then refusing would tell. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def wait(self, peer: str, now: datetime) -> int:
        """Returns the seconds until the peer may try again; 0 if it may now."""
        with self._lock:
            too_many = self._now_spent(network_of(peer), now) - (BURST - 1)
        return max(0, ceil(too_many * PACE.total_seconds()))

    def failed(self, peer: str, now: datetime, *, way: str, wanted: str) -> None:
        """Records a wrong token. `way` is how it was sent, `wanted` what for: both are fixed words of ours."""
        network = network_of(peer)
        with self._lock:
            self._spent[network] = (self._now_spent(network, now) + 1, now)
            self._spent.move_to_end(network)
            if len(self._spent) > MOST_PEERS:
                self._spent.popitem(last=False)
        log.warning("authentication failed", action="auth_failed", peer=peer, way=way, wanted=wanted)

    def _now_spent(self, network: str, now: datetime) -> float:
        """Returns the used tries that have not come back yet. A clock that was set back forgives them all."""
        spent, at = self._spent.get(network, (0.0, now))
        return max(0.0, spent - (now - at) / PACE) if at <= now else 0.0
