"""The record's first schema. Instants are epoch seconds, UTC, in double precision."""

from playhouse.migrate import SqliteMigrator

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE key_check (key_id TEXT PRIMARY KEY, check_value TEXT NOT NULL, created_at {double} NOT NULL);

CREATE TABLE candidate (
  id {id}, address TEXT NOT NULL UNIQUE, email TEXT NOT NULL, name TEXT NOT NULL, timezone TEXT NOT NULL,
  created_at {double} NOT NULL);

CREATE TABLE job (
  id {id}, identity TEXT NOT NULL UNIQUE, title TEXT NOT NULL, company TEXT NOT NULL, created_at {double} NOT NULL);

CREATE TABLE interview_slot (
  id {id}, job_id {ref} NOT NULL REFERENCES job (id), starts_at {double} NOT NULL, ends_at {double} NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'cancelled')), created_at {double} NOT NULL,
  CHECK (ends_at > starts_at), UNIQUE (job_id, starts_at, ends_at));

CREATE TABLE seat (
  id {id}, slot_id {ref} NOT NULL REFERENCES interview_slot (id), number INTEGER NOT NULL CHECK (number >= 1),
  UNIQUE (slot_id, number));

CREATE TABLE interview (
  id {id}, candidate_id {ref} NOT NULL REFERENCES candidate (id), job_id {ref} NOT NULL REFERENCES job (id),
  round INTEGER NOT NULL CHECK (round >= 1), started_at {double} NOT NULL, ended_at {double} NOT NULL,
  timezone TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('scheduled', 'completed', 'cancelled')),
  opens_before INTEGER NOT NULL, closes_after INTEGER NOT NULL, sequence INTEGER NOT NULL,
  reference TEXT NOT NULL, is_test BOOLEAN NOT NULL, created_at {double} NOT NULL,
  CHECK (ended_at > started_at), UNIQUE (candidate_id, job_id, round));

CREATE TABLE interview_schedule (
  id {id}, interview_id {ref} NOT NULL REFERENCES interview (id), slot_id {ref} NOT NULL REFERENCES interview_slot (id),
  seat_id {ref} UNIQUE REFERENCES seat (id), state TEXT NOT NULL CHECK (state IN ('booked', 'cancelled')),
  booking_notes TEXT NOT NULL, batch_id {ref}, booked_at {double} NOT NULL, changed_at {double} NOT NULL,
  CHECK ((state = 'booked') = (seat_id IS NOT NULL)));
CREATE UNIQUE INDEX interview_schedule_active ON interview_schedule (interview_id) WHERE state = 'booked';
CREATE INDEX interview_schedule_past ON interview_schedule (interview_id) WHERE state = 'cancelled';

CREATE TABLE interview_session (
  id {id}, interview_id {ref} NOT NULL UNIQUE REFERENCES interview (id), public TEXT NOT NULL UNIQUE,
  key_id TEXT NOT NULL, generation INTEGER NOT NULL, opened_at {double}, begun_at {double}, engaged_at {double},
  finished_at {double}, created_at {double} NOT NULL);

CREATE TABLE portal_visit (
  id {id}, session_id {ref} NOT NULL REFERENCES interview_session (id), cookie_hash TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('candidate', 'proof')), generation INTEGER NOT NULL, engaged_at {double},
  created_at {double} NOT NULL);
CREATE INDEX portal_visit_session ON portal_visit (session_id);

CREATE TABLE notification (
  id {id}, interview_id {ref} NOT NULL REFERENCES interview (id),
  kind TEXT NOT NULL CHECK (kind IN ('invitation', 'rescheduled', 'cancelled')), occurrence INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('queued', 'claimed', 'handed_over', 'sent', 'failed', 'unknown', 'superseded')),
  recipient TEXT NOT NULL, facts TEXT NOT NULL, message_id TEXT NOT NULL, token TEXT NOT NULL, batch_id {ref},
  due_at {double} NOT NULL, attempts INTEGER NOT NULL, owner TEXT, lease_until {double}, hand_over TEXT,
  handed_over_at {double}, settled_at {double}, signature TEXT, reply TEXT, fix TEXT, created_at {double} NOT NULL,
  UNIQUE (interview_id, kind, occurrence), CHECK (state <> 'sent' OR hand_over IS NOT NULL));
CREATE INDEX notification_due ON notification (due_at) WHERE state = 'queued';
CREATE INDEX notification_leased ON notification (lease_until) WHERE state IN ('claimed', 'handed_over');
CREATE INDEX notification_unknown ON notification (due_at) WHERE state = 'unknown';
CREATE INDEX notification_batch ON notification (batch_id);

CREATE TABLE account_pause (
  fingerprint TEXT PRIMARY KEY, paused_at {double} NOT NULL, signature TEXT NOT NULL, reason TEXT NOT NULL,
  fix TEXT NOT NULL);

CREATE TABLE send_rate (fingerprint TEXT PRIMARY KEY, next_at {double} NOT NULL);

CREATE TABLE batch (
  id {id}, kind TEXT NOT NULL CHECK (kind IN ('plan', 'booking')), source TEXT NOT NULL, source_sha256 TEXT NOT NULL,
  fingerprint TEXT, state TEXT NOT NULL CHECK (state IN ('running', 'done')), created_at {double} NOT NULL,
  finished_at {double});
CREATE INDEX batch_fingerprint ON batch (fingerprint);

CREATE TABLE batch_row (
  batch_id {ref} NOT NULL REFERENCES batch (id), line INTEGER NOT NULL, plan TEXT, plan_code TEXT, seen TEXT,
  outcome TEXT, code TEXT, column_name TEXT, message TEXT, fix TEXT, who TEXT, interview_id {ref},
  notification_id {ref}, PRIMARY KEY (batch_id, line));

CREATE TABLE event (
  id {id}, at {double} NOT NULL, kind TEXT NOT NULL, interview_id {ref}, batch_id {ref}, data TEXT NOT NULL);
CREATE INDEX event_interview ON event (interview_id);

CREATE TABLE failed_key (
  network TEXT NOT NULL, started_at {double} NOT NULL, failures INTEGER NOT NULL, PRIMARY KEY (network, started_at));
"""

APPEND_ONLY_SQLITE = """
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
"""

APPEND_ONLY_POSTGRESQL = """
CREATE FUNCTION event_append_only() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event EXECUTE FUNCTION event_append_only();
"""

SQLITE_TYPES = {"id": "INTEGER PRIMARY KEY", "ref": "INTEGER", "double": "DOUBLE"}
POSTGRESQL_TYPES = {"id": "BIGSERIAL PRIMARY KEY", "ref": "BIGINT", "double": "DOUBLE PRECISION"}


def up(migrator, db) -> None:
    if isinstance(migrator, SqliteMigrator):
        statements = [*TABLES.format(**SQLITE_TYPES).split(";\n"), *APPEND_ONLY_SQLITE.strip().split("\n")]
    else:
        statements = [*TABLES.format(**POSTGRESQL_TYPES).split(";\n"), APPEND_ONLY_POSTGRESQL]
    for statement in filter(str.strip, statements):
        db.execute_sql(statement)
