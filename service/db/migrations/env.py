"""Run a migration inside the transaction that was opened for it."""

from alembic import context

from service.db.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
