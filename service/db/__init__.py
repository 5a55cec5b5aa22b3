"""The register's database: SQLite in WAL mode, or PostgreSQL by URL."""

from service.db.base import Database
from service.db.migrate import downgrade, opened, upgrade

__all__ = ["Database", "downgrade", "opened", "upgrade"]
