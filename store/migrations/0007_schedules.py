"""A job of a schedule is known with its newest times only: one that is changed and changed back is a new one again."""

from playhouse.migrate import SqliteMigrator

# Until now nobody noted in which file a job stands; it is the installation's own but for few.
TABLES = """
CREATE TABLE scheduled_job_new (
  schedule TEXT NOT NULL, name TEXT NOT NULL, timing TEXT NOT NULL, seen_at {double} NOT NULL,
  PRIMARY KEY (schedule, name));

INSERT INTO scheduled_job_new (schedule, name, timing, seen_at)
  SELECT 'deploy/schedule.toml', name, timing, seen_at FROM scheduled_job WHERE NOT EXISTS (
    SELECT 1 FROM scheduled_job later WHERE later.name = scheduled_job.name
    AND (later.seen_at, later.timing) > (scheduled_job.seen_at, scheduled_job.timing));

DROP TABLE scheduled_job;

ALTER TABLE scheduled_job_new RENAME TO scheduled_job;
"""


def up(migrator, db) -> None:
    double = "DOUBLE" if isinstance(migrator, SqliteMigrator) else "DOUBLE PRECISION"
    for statement in filter(str.strip, TABLES.format(double=double).split(";\n")):
        db.execute_sql(statement)
