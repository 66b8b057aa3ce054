"""Real servers for every test that asks for one; see tests/servers."""

import importlib.util

_SERVERS = ("tests.servers.dovecot", "tests.servers.postgres", "tests.servers.receiver")

pytest_plugins = [name for name in _SERVERS if importlib.util.find_spec(name)]
