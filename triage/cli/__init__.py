"""The command line: one small file a command."""

from triage.cli.main import main

__all__ = ["main"]
