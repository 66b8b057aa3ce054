"""The fuzzer is a tool of its own: without the extra `fuzz` there is nothing here to test."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("atheris") else ["test_*.py"]
