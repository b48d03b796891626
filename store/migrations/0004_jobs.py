"""Runs of scheduled notebooks, and the lock that keeps two of the same from running at once."""

from playhouse.migrate import SqliteMigrator

# What a run wrote about itself is NULL until it has ended; `heartbeat_at` is the database's clock in both tables.
TABLES = """
CREATE TABLE job_run (
  id {id}, name TEXT NOT NULL UNIQUE, notebook TEXT NOT NULL, job_key TEXT NOT NULL, parameters TEXT NOT NULL,
  started_by TEXT NOT NULL, user_name TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
  code_version TEXT NOT NULL, started_at {double} NOT NULL, heartbeat_at {double} NOT NULL, ended_at {double},
  outcome TEXT CHECK (outcome IN
    ('done', 'failed', 'wrong_settings', 'blocked', 'overtaken', 'out_of_time', 'kernel_died', 'stopped')),
  exit_code INTEGER, message TEXT NOT NULL, counts TEXT NOT NULL, artefacts TEXT NOT NULL, peak_memory {big},
  CHECK ((ended_at IS NULL) = (outcome IS NULL)), CHECK ((outcome IS NULL) = (exit_code IS NULL)),
  CHECK (outcome <> 'done' OR exit_code = 0));
CREATE INDEX job_run_notebook ON job_run (notebook, started_at);
CREATE INDEX job_run_open ON job_run (heartbeat_at) WHERE ended_at IS NULL;

CREATE TABLE job_lock (
  job_key TEXT PRIMARY KEY, owner TEXT NOT NULL, run_name TEXT NOT NULL, taken_at {double} NOT NULL,
  heartbeat_at {double} NOT NULL);
"""

SQLITE_TYPES = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "big": "INTEGER", "double": "DOUBLE"}
POSTGRESQL_TYPES = {"id": "BIGSERIAL PRIMARY KEY", "big": "BIGINT", "double": "DOUBLE PRECISION"}


def up(migrator, db) -> None:
    types = SQLITE_TYPES if isinstance(migrator, SqliteMigrator) else POSTGRESQL_TYPES
    for statement in filter(str.strip, TABLES.format(**types).split(";\n")):
        db.execute_sql(statement)
