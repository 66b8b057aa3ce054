"""What Alembic runs around the migrations: they use the caller's connection and transaction."""

from alembic import context

from bounce_watcher.ledger.db.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,    # SQLite alters a table by copying it
    transactional_ddl=True,  # SQLite can roll DDL back, once the driver leaves BEGIN to us
)
context.run_migrations()
