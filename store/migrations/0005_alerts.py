"""Mails to ops about failed and overdue jobs: they belong to no interview, and each has a key that no other has."""

from playhouse.migrate import SqliteMigrator

COLUMNS = (
    "id, interview_id, kind, occurrence, state, recipient, facts, message_id, token, batch_id, due_at, attempts, owner,"
    " lease_until, hand_over, handed_over_at, settled_at, signature, reply, fix, created_at"
)
IS_ALERT = "CHECK ((kind = 'alert') = (interview_id IS NULL)), CHECK ((kind = 'alert') = (alert_key IS NOT NULL))"

# SQLite cannot change a constraint. Nothing refers to the table by a foreign key, so that it can be made anew.
SQLITE = f"""
CREATE TABLE notification_new (
  id INTEGER PRIMARY KEY, interview_id INTEGER REFERENCES interview (id),
  kind TEXT NOT NULL CHECK (kind IN ('invitation', 'rescheduled', 'cancelled', 'alert')), occurrence INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('queued', 'claimed', 'handed_over', 'sent', 'failed', 'unknown', 'superseded')),
  recipient TEXT NOT NULL, facts TEXT NOT NULL, message_id TEXT NOT NULL, token TEXT NOT NULL, batch_id INTEGER,
  due_at DOUBLE NOT NULL, attempts INTEGER NOT NULL, owner TEXT, lease_until DOUBLE, hand_over TEXT,
  handed_over_at DOUBLE, settled_at DOUBLE, signature TEXT, reply TEXT, fix TEXT, created_at DOUBLE NOT NULL,
  alert_key TEXT,
  UNIQUE (interview_id, kind, occurrence), CHECK (state <> 'sent' OR hand_over IS NOT NULL), {IS_ALERT});
INSERT INTO notification_new ({COLUMNS}) SELECT {COLUMNS} FROM notification;
DROP TABLE notification;
ALTER TABLE notification_new RENAME TO notification;
CREATE INDEX notification_due ON notification (due_at) WHERE state = 'queued';
CREATE INDEX notification_leased ON notification (lease_until) WHERE state IN ('claimed', 'handed_over');
CREATE INDEX notification_unknown ON notification (due_at) WHERE state = 'unknown';
CREATE INDEX notification_batch ON notification (batch_id);
"""

POSTGRESQL = f"""
ALTER TABLE notification ALTER COLUMN interview_id DROP NOT NULL, ADD COLUMN alert_key TEXT,
  DROP CONSTRAINT notification_kind_check,
  ADD CONSTRAINT notification_kind_check CHECK (kind IN ('invitation', 'rescheduled', 'cancelled', 'alert'));
ALTER TABLE notification {", ".join(f"ADD {check}" for check in IS_ALERT.split(", "))};
"""

# Of the few rows that have a key: bookings do not pay for it.
UNIQUE = "CREATE UNIQUE INDEX notification_alert ON notification (alert_key) WHERE alert_key IS NOT NULL;\n"


def up(migrator, db) -> None:
    steps = SQLITE if isinstance(migrator, SqliteMigrator) else POSTGRESQL
    for statement in filter(str.strip, (steps + UNIQUE).split(";\n")):
        db.execute_sql(statement)
