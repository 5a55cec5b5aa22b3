"""Choose a command, run it, turn errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from triage.errors import DataError, TriageError

__all__ = ["main"]

COMMANDS = {
    "classify": ("judge one letter or a file of letters", "判断一封来信或一个文件"),
    "explain": ("show what in a letter moved each score", "说明来信中哪些词影响了判断"),
    "batch": ("judge a file of letters and write a ledger", "批量处理文件并写出台账"),
    "summary": ("figures of a month, a quarter or a year", "统计月度、季度或年度数据"),
    "similar": ("find earlier letters about the same matter", "查找反映同一事项的既往来信"),
    "train": ("make a bundle from labelled letters", "用已标注来信训练模型包"),
    "evaluate": ("measure a bundle on labelled letters", "用已标注来信评估模型包"),
    "data": ("check the policy files", "检查政策文件"),
    "models": ("list, show and verify bundles", "列出、查看、校验模型包"),
    "serve": ("serve the register over HTTP", "启动服务"),
    "backup": ("copy the register", "备份登记簿"),
    "restore": ("put a copy of the register back", "恢复登记簿备份"),
    "retain": ("anonymise letters that were answered long ago", "将办结已久的信件匿名化"),
    "audit": ("check that the register's audit is whole", "校验登记簿审计记录是否完整"),
}


def language(argv: Sequence[str]) -> str:
    """Return the language of messages: ``--lang``, else the locale's."""
    for place, word in enumerate(argv):
        if word == "--lang" and argv[place + 1 : place + 2] in (["zh"], ["en"]):
            return argv[place + 1]
        if word in ("--lang=zh", "--lang=en"):
            return word[-2:]
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "zh" if locale.startswith("zh") else "en"


def parser(lang: str) -> argparse.ArgumentParser:
    """Return the parser of all commands; each command's module adds its own options."""
    place = lang == "zh"
    root = argparse.ArgumentParser(
        prog="triage",
        description=(
            "来信来访分类分流:判断类别、紧急程度、承办部门和期限",
            "Petition triage: category, urgency, department, due dates",
        )[not place],
    )
    root.add_argument("--version", action="version", version=_version())
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, texts in COMMANDS.items():
        command = commands.add_parser(name, help=texts[place], description=texts[place])
        command.add_argument(
            "--lang", choices=("zh", "en"), default=lang, help=("language of messages", "消息语言")[place]
        )
        command.add_argument(
            "--data", metavar="DIR", help=("policy folder (or TRIAGE_HOME)", "政策目录(或 TRIAGE_HOME)")[place]
        )
        import_module(f"triage.cli.{name}").options(command, place)
    return root


def _version() -> str:
    from triage import __version__

    return f"triage {__version__}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; return the exit status.

    Returns
    -------
    int
        0 done, 1 refused with one line on standard error, 2 usage, 130 interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    lang = language(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    arguments = parser(lang).parse_args(argv)
    try:
        return int(import_module(f"triage.cli.{arguments.command}").run(arguments) or 0)
    except TriageError as error:
        print(f"triage: {error.text(lang)}", file=sys.stderr)
        if isinstance(error, DataError) and error.faults and arguments.command == "data":
            print("\n".join(f"  {fault}" for fault in error.faults), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        note = ("interrupted; go on with --resume", "已中断;可加 --resume 继续")
        print(f"triage: {note[lang == 'zh']}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # no right to read a file, no room for a bundle
        print(f"triage: {error.filename or '-'}: {error.strerror or type(error).__name__}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
