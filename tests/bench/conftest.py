"""Scripts that measure are no tests."""

collect_ignore_glob = ["bench*.py"]
