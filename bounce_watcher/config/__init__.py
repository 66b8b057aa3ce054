"""One TOML file as frozen settings. All faults of a file are told at once; no message shows a secret.

The way of a file: loading.py reads it, secrets.py fetches what is kept elsewhere, schema.py says which keys there are
and checks them, rules.py reads the operator's rule files, building.py makes the values of the other rooms. problems.py
words what is wrong, keys.py and locate.py say where.
"""

from bounce_watcher.config.loading import load, parse
from bounce_watcher.config.settings import Settings

__all__ = ["Settings", "load", "parse"]
