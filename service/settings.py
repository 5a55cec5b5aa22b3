"""Settings from ``TRIAGE_*``, all checked before the service listens."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.problems import Problem

__all__ = ["Settings"]

_PREFIX = "TRIAGE_"


class Settings(BaseSettings):
    """What an administrator sets; every field is an environment variable, ``TRIAGE_`` before its name in capitals.

    Attributes
    ----------
    state : Path
        Folder of the service's own files: database, uploads, bundles, index of earlier letters, secret.
    database : str
        SQLAlchemy URL; an SQLite file in ``state`` by default.
    secret : SecretStr
        Keys tokens of persons and signatures; made once and kept in ``state`` by default.
    home, model, lang
        Policy folder, bundle to start with, language of names and messages.
    host, port, workers
        Where and with how many processes ``triage serve`` listens.
    https : bool
        Behind TLS: cookies are sent over HTTPS only, and browsers are told to stay there.
    cors : list of str
        Origins that may call from a browser; none by default.
    max_body, max_upload : int
        Bytes of a request, and of one with files.
    rate : int
        Requests a minute of one user or key; 0 for no limit.
    waiting : int
        Letters that may wait for a processor in one process; more are turned away with 429.
    timeout : float
        Seconds after which a request is given up.
    session_hours : float
        After so long without a request a user logs in again.
    login_attempts : int
        Wrong passwords for one name, or from one address, in 15 minutes before both wait.
    keep_days : int
        Letters answered so long ago are anonymised by ``triage retain``; 0 keeps them.
    jobs : int
        Files and training runs that are worked on at once on this host; 0 for none here.
    job_days : int
        Days after which the ledger of a finished file is removed.
    webhook_hosts : list of str
        Hosts that webhooks may name; any by default.
    webhook_private : bool
        Webhooks may lead to addresses of the office's own network and of this host.
    log_level : str
        Least level that is logged.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    state: Path = Path.home() / ".local" / "share" / "triage"
    database: str = ""
    secret: SecretStr = SecretStr("")
    home: Path | None = None
    model: str | None = None
    lang: Literal["zh", "en"] = "zh"
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    https: bool = False
    cors: list[str] = []
    max_body: int = Field(2_000_000, ge=10_000)
    max_upload: int = Field(200_000_000, ge=100_000)
    rate: int = Field(6000, ge=0)
    waiting: int = Field(64, ge=1)
    timeout: float = Field(30.0, gt=0)
    session_hours: float = Field(12.0, gt=0)
    login_attempts: int = Field(10, ge=1)
    keep_days: int = Field(0, ge=0)
    jobs: int = Field(1, ge=0, le=16)
    job_days: int = Field(30, ge=1)
    webhook_hosts: list[str] = []
    webhook_private: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _origins(self) -> Self:
        if any(origin == "*" or not origin.startswith(("http://", "https://")) for origin in self.cors):
            raise ValueError("cors: name each origin in full, such as https://desk.example; * is not allowed")
        return self

    @classmethod
    def load(cls, **given: object) -> Settings:
        """Read the environment; what is given wins.

        Raises
        ------
        Problem
            If a variable's value is not allowed, or a ``TRIAGE_`` variable is unknown; all faults at once.
        """
        known = {f"{_PREFIX}{name.upper()}" for name in cls.model_fields}
        faults = [
            f"{name}: unknown; the settings are {', '.join(sorted(known))}"
            for name in sorted(os.environ)
            if name.startswith(_PREFIX) and name not in known
        ]
        try:
            settings = cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            faults += [
                f"{_PREFIX}{'_'.join(map(str, fault['loc'])).upper() or 'CORS'}: {fault['msg']}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
        except ValueError as error:  # a list that is not JSON
            faults.append(str(error))
        if faults:
            raise Problem("settings", faults="; ".join(faults))
        return settings

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.database or f"sqlite:///{self.folder() / 'triage.db'}"

    def environment(self) -> dict[str, str]:
        """Return the settings that differ from the defaults as environment variables, for another process."""
        told = self.model_dump(mode="json", exclude_defaults=True)
        if "secret" in told:
            told["secret"] = self.secret.get_secret_value()
        return {
            f"{_PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in told.items()
        }

    def folder(self, name: str = "") -> Path:
        """Return the state folder or one below it, made for the owner alone where it is missing."""
        folder = self.state / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def key(self) -> bytes:
        """Return the secret; the first process that asks makes one."""
        if given := self.secret.get_secret_value():
            return given.encode()
        path = self.folder() / "secret"
        draft = path.with_name(f"secret.{os.getpid()}")
        if not path.exists():
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(32), encoding="ascii")
            try:
                os.link(draft, path)  # never over another process's
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_bytes()
