"""Real servers for every test that asks for one; see tests/servers."""

from hypothesis import settings

pytest_plugins = [
    "tests.servers.dovecot", "tests.servers.mailman", "tests.servers.nameserver", "tests.servers.postgres",
    "tests.servers.mariadb", "tests.servers.prism", "tests.servers.receiver", "tests.servers.redis",
]

settings.register_profile("steady", deadline=None, derandomize=True)  # no test fails for a busy machine or by chance
settings.load_profile("steady")
