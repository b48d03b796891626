"""Which job of the schedule a run was, and since when each job of the schedule is known."""

from playhouse.migrate import SqliteMigrator

# A job whose times change is a new one here: it is not late for times at which nobody could have started it.
TABLES = """
ALTER TABLE job_run ADD COLUMN scheduled_as TEXT NOT NULL DEFAULT '';

CREATE INDEX job_run_scheduled ON job_run (scheduled_as, started_at);

CREATE TABLE scheduled_job (
  name TEXT NOT NULL, timing TEXT NOT NULL, seen_at {double} NOT NULL, PRIMARY KEY (name, timing));
"""


def up(migrator, db) -> None:
    double = "DOUBLE" if isinstance(migrator, SqliteMigrator) else "DOUBLE PRECISION"
    for statement in filter(str.strip, TABLES.format(double=double).split(";\n")):
        db.execute_sql(statement)
