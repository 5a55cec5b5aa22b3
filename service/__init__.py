"""The service: petition triage for one office or a county over HTTP, with its register, roles and audit."""

from service.app import create_app
from service.settings import Settings

__all__ = ["Settings", "create_app"]
