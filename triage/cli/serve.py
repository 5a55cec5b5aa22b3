"""``triage serve``: the service on this machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def options(command: argparse.ArgumentParser, zh: bool) -> None:
    """Declare the command's options; everything else is a setting ``TRIAGE_*``."""
    command.add_argument("--host", help=("address to listen on (127.0.0.1)", "监听地址(127.0.0.1)")[zh])
    command.add_argument("--port", type=int, help=("port (8000)", "端口(8000)")[zh])
    command.add_argument("--workers", type=int, help=("processes (1)", "进程数(1)")[zh])
    command.add_argument("--model", metavar="DIR", help=("bundle to start with", "起始模型包")[zh])
    command.add_argument(
        "--state", type=Path, metavar="DIR", help=("folder of the register and its files", "登记簿及其文件所在目录")[zh]
    )


def run(arguments: argparse.Namespace) -> None:
    """Check the settings, prepare the register, then serve until interrupted."""
    from service.serve import serve
    from service.settings import Settings

    given = {
        name: value
        for name in ("host", "port", "workers", "model", "state")
        if (value := getattr(arguments, name)) is not None
    }
    if arguments.data:
        given["home"] = Path(arguments.data)
    if "TRIAGE_LANG" not in os.environ:
        given["lang"] = arguments.lang
    serve(Settings.load(**given))
