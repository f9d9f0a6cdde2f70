"""Alembic's entry: runs the migrations on the connection that `upgrade` already holds alone."""

from alembic import context

from core.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.LedgerRow.metadata,
    transactional_ddl=True,  # SQLite too: our BEGIN IMMEDIATE covers its DDL
)
with context.begin_transaction():
    context.run_migrations()
