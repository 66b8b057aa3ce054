"""Reads one TOML file into frozen settings. Reports all faults of a file at once; no message shows a secret.

A key is a field of the settings' own dataclasses (settings.py has the outermost). `model/keys.py` has what a field can
say of its key beside its type. loading.py reads a file, and keys.py derives from those classes which tables and keys it
may have. reading.py builds the settings: secrets.py fetches what is kept elsewhere, fields.py and values.py read single
values, and checks.py compares keys with one another. rules.py reads the operator's rule files. problems.py words what
is wrong, locate.py says where.
"""

from bounce_watcher.config.loading import load, parse
from bounce_watcher.config.settings import Settings

__all__ = ["Settings", "load", "parse"]
