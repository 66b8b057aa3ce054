"""One TOML file as frozen settings. All faults of a file are reported at once; no message shows a secret.

A key is a field of the settings' own dataclasses (settings.py has the outermost), with what `model/keys.py` lets it say
beside its type. loading.py reads a file, keys.py takes from those classes which tables and keys it may have, reading.py
makes the settings of them: secrets.py fetches what is kept elsewhere, fields.py and values.py read single values,
checks.py compares keys with one another. building.py does what concerns several tables, rules.py reads the operator's
rule files. problems.py words what is wrong, locate.py says where.
"""

from bounce_watcher.config.loading import load, parse
from bounce_watcher.config.settings import Settings

__all__ = ["Settings", "load", "parse"]
