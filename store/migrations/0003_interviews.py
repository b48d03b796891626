"""What is asked and said in an interview, who holds it, and how it was rated."""

from playhouse.migrate import SqliteMigrator

TABLES = """
CREATE TABLE question (
  id {id}, job_id {ref} NOT NULL REFERENCES job (id), position INTEGER NOT NULL CHECK (position >= 1),
  text TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('text', 'audio', 'video')),
  time_limit_seconds INTEGER CHECK (time_limit_seconds >= 1), UNIQUE (job_id, position));

CREATE TABLE session_question (
  session_id {ref} NOT NULL REFERENCES interview_session (id), number INTEGER NOT NULL CHECK (number >= 1),
  text TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('text', 'audio', 'video')),
  time_limit_seconds INTEGER CHECK (time_limit_seconds >= 1), opened_at {double}, PRIMARY KEY (session_id, number));

CREATE TABLE answer (
  session_id {ref} NOT NULL, number INTEGER NOT NULL, revision INTEGER NOT NULL CHECK (revision >= 1),
  text TEXT NOT NULL, page TEXT NOT NULL, sequence {big} NOT NULL, saved_at {double} NOT NULL,
  PRIMARY KEY (session_id, number),
  FOREIGN KEY (session_id, number) REFERENCES session_question (session_id, number));

CREATE TABLE answer_copy (
  id {id}, session_id {ref} NOT NULL, number INTEGER NOT NULL, text TEXT NOT NULL, page TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('replaced', 'shortened', 'conflict', 'taken_over', 'late')),
  kept_at {double} NOT NULL,
  FOREIGN KEY (session_id, number) REFERENCES session_question (session_id, number));
CREATE INDEX answer_copy_question ON answer_copy (session_id, number);

CREATE TABLE recording (
  id {id}, session_id {ref} NOT NULL, number INTEGER NOT NULL, take TEXT NOT NULL, page TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size {big} NOT NULL CHECK (size >= 0), state TEXT NOT NULL CHECK (state IN ('uploading', 'complete', 'discarded')),
  started_at {double} NOT NULL, changed_at {double} NOT NULL, UNIQUE (session_id, take),
  FOREIGN KEY (session_id, number) REFERENCES session_question (session_id, number));
CREATE INDEX recording_question ON recording (session_id, number);

CREATE TABLE evaluation (
  id {id}, interview_id {ref} NOT NULL UNIQUE REFERENCES interview (id),
  overall_score {double} NOT NULL CHECK (overall_score >= 0 AND overall_score <= 10), traits TEXT NOT NULL,
  suggestions TEXT NOT NULL, details TEXT NOT NULL, created_at {double} NOT NULL, updated_at {double} NOT NULL);

ALTER TABLE interview_session ADD COLUMN page TEXT;

ALTER TABLE interview_session ADD COLUMN held_at {double};

ALTER TABLE interview_session ADD COLUMN at_question INTEGER;

ALTER TABLE portal_visit ADD COLUMN heard_at {double};
"""

# AUTOINCREMENT: an id that was deleted must not come to mean another row, as it never does on PostgreSQL.
SQLITE_TYPES = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "ref": "INTEGER", "big": "INTEGER", "double": "DOUBLE"}
POSTGRESQL_TYPES = {"id": "BIGSERIAL PRIMARY KEY", "ref": "BIGINT", "big": "BIGINT", "double": "DOUBLE PRECISION"}


def up(migrator, db) -> None:
    types = SQLITE_TYPES if isinstance(migrator, SqliteMigrator) else POSTGRESQL_TYPES
    for statement in filter(str.strip, TABLES.format(**types).split(";\n")):
        db.execute_sql(statement)
