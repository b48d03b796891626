"""The record's tables as peewee models, for ordinary queries; batches and requests use plain SQL.

The schema itself, with its checks and indexes, is made by `store/migrations`.
"""

from datetime import datetime

import peewee

from store import times

_proxy = peewee.DatabaseProxy()


def bind(db: peewee.Database) -> None:
    """Binds every model to the opened record of this process."""
    _proxy.initialize(db)


class Instant(peewee.DoubleField):
    """Epoch seconds in the database, aware UTC in Python. A naive datetime raises ValueError."""

    def db_value(self, value: datetime | float | None) -> float | None:
        return times.epoch(value) if isinstance(value, datetime) else value

    def python_value(self, value: float | None) -> datetime | None:
        return None if value is None else times.from_epoch(value)


class Model(peewee.Model):
    class Meta:
        database = _proxy
        legacy_table_names = False


class Candidate(Model):
    address = peewee.TextField(unique=True)
    email = peewee.TextField()
    name = peewee.TextField()
    timezone = peewee.TextField()
    created_at = Instant()


class Job(Model):
    identity = peewee.TextField(unique=True)
    title = peewee.TextField()
    company = peewee.TextField()
    created_at = Instant()


class InterviewSlot(Model):
    job = peewee.ForeignKeyField(Job)
    starts_at = Instant()
    ends_at = Instant()
    state = peewee.TextField()
    created_at = Instant()


class Seat(Model):
    slot = peewee.ForeignKeyField(InterviewSlot, backref="seats")
    number = peewee.IntegerField()


class Interview(Model):
    """`started_at` and `ended_at` are the booked times; the actual start is the session's `begun_at`."""

    candidate = peewee.ForeignKeyField(Candidate)
    job = peewee.ForeignKeyField(Job)
    round = peewee.IntegerField()
    started_at = Instant()
    ended_at = Instant()
    timezone = peewee.TextField()
    state = peewee.TextField()
    opens_before = peewee.IntegerField()
    closes_after = peewee.IntegerField()
    sequence = peewee.IntegerField()
    reference = peewee.TextField()
    is_test = peewee.BooleanField()
    created_at = Instant()


class InterviewSchedule(Model):
    interview = peewee.ForeignKeyField(Interview, backref="schedules")
    slot = peewee.ForeignKeyField(InterviewSlot)
    seat = peewee.ForeignKeyField(Seat, null=True)
    state = peewee.TextField()
    booking_notes = peewee.TextField()
    batch_id = peewee.BigIntegerField(null=True)
    booked_at = Instant()
    changed_at = Instant()


class InterviewSession(Model):
    """`page` holds the interview since its last heartbeat, `held_at`; `at_question` is where the candidate was."""

    interview = peewee.ForeignKeyField(Interview, backref="sessions", unique=True)
    public = peewee.TextField(unique=True)
    key_id = peewee.TextField()
    generation = peewee.IntegerField()
    opened_at = Instant(null=True)
    begun_at = Instant(null=True)
    engaged_at = Instant(null=True)
    finished_at = Instant(null=True)
    created_at = Instant()
    page = peewee.TextField(null=True)
    held_at = Instant(null=True)
    at_question = peewee.IntegerField(null=True)


class Question(Model):
    """What a job asks; copied to the session when an interview begins."""

    job = peewee.ForeignKeyField(Job, backref="questions")
    position = peewee.IntegerField()
    text = peewee.TextField()
    kind = peewee.TextField()
    time_limit_seconds = peewee.IntegerField(null=True)


class SessionQuestion(Model):
    session = peewee.ForeignKeyField(InterviewSession, backref="questions")
    number = peewee.IntegerField()
    text = peewee.TextField()
    kind = peewee.TextField()
    time_limit_seconds = peewee.IntegerField(null=True)
    opened_at = Instant(null=True)

    class Meta:
        primary_key = peewee.CompositeKey("session", "number")


class Answer(Model):
    """The text that counts; `page` and `sequence` tell a repeated save from another page's."""

    session = peewee.ForeignKeyField(InterviewSession, backref="answers")
    number = peewee.IntegerField()
    revision = peewee.IntegerField()
    text = peewee.TextField()
    page = peewee.TextField()
    sequence = peewee.BigIntegerField()
    saved_at = Instant()

    class Meta:
        primary_key = peewee.CompositeKey("session", "number")


class AnswerCopy(Model):
    """A text that did not become, or is no longer, the answer; kept so that nothing is lost."""

    session = peewee.ForeignKeyField(InterviewSession)
    number = peewee.IntegerField()
    text = peewee.TextField()
    page = peewee.TextField()
    reason = peewee.TextField()
    kept_at = Instant()


class Recording(Model):
    """A take of one question's recorded answer; `page` is the page that may complete it."""

    session = peewee.ForeignKeyField(InterviewSession, backref="recordings")
    number = peewee.IntegerField()
    take = peewee.TextField()
    page = peewee.TextField()
    media_type = peewee.TextField()
    size = peewee.BigIntegerField()
    state = peewee.TextField()
    started_at = Instant()
    changed_at = Instant()


class Evaluation(Model):
    """`traits` and `details` are JSON objects as text."""

    interview = peewee.ForeignKeyField(Interview, backref="evaluations", unique=True)
    overall_score = peewee.DoubleField()
    traits = peewee.TextField()
    suggestions = peewee.TextField()
    details = peewee.TextField()
    created_at = Instant()
    updated_at = Instant()


class PortalVisit(Model):
    session = peewee.ForeignKeyField(InterviewSession, backref="visits")
    cookie_hash = peewee.TextField(unique=True)
    kind = peewee.TextField()
    generation = peewee.IntegerField()
    engaged_at = Instant(null=True)
    created_at = Instant()
    heard_at = Instant(null=True)


class Notification(Model):
    """A mail. One of kind alert goes to ops: it has no interview, and a key that no other alert has."""

    interview = peewee.ForeignKeyField(Interview, backref="notifications", null=True)
    kind = peewee.TextField()
    occurrence = peewee.IntegerField()
    state = peewee.TextField()
    recipient = peewee.TextField()
    facts = peewee.TextField()
    message_id = peewee.TextField()
    token = peewee.TextField()
    batch_id = peewee.BigIntegerField(null=True)
    due_at = Instant()
    attempts = peewee.IntegerField()
    owner = peewee.TextField(null=True)
    lease_until = Instant(null=True)
    hand_over = peewee.TextField(null=True)
    handed_over_at = Instant(null=True)
    settled_at = Instant(null=True)
    signature = peewee.TextField(null=True)
    reply = peewee.TextField(null=True)
    fix = peewee.TextField(null=True)
    created_at = Instant()
    alert_key = peewee.TextField(null=True)


class Batch(Model):
    kind = peewee.TextField()
    source = peewee.TextField()
    source_sha256 = peewee.TextField()
    fingerprint = peewee.TextField(null=True)
    state = peewee.TextField()
    created_at = Instant()
    finished_at = Instant(null=True)


class Event(Model):
    at = Instant()
    kind = peewee.TextField()
    interview_id = peewee.BigIntegerField(null=True)
    batch_id = peewee.BigIntegerField(null=True)
    data = peewee.TextField()


class JobRun(Model):
    """One run of a notebook by the runner; `parameters`, `counts` and `artefacts` are JSON. No outcome: it has no end yet.

    Whether such a run goes on or died is told by `job_runs`, from its last heartbeat.
    """

    name = peewee.TextField(unique=True)
    notebook = peewee.TextField()
    job_key = peewee.TextField()
    parameters = peewee.TextField()
    started_by = peewee.TextField()
    user_name = peewee.TextField()
    host = peewee.TextField()
    pid = peewee.IntegerField()
    code_version = peewee.TextField()
    started_at = Instant()
    heartbeat_at = Instant()
    ended_at = Instant(null=True)
    outcome = peewee.TextField(null=True)
    exit_code = peewee.IntegerField(null=True)
    message = peewee.TextField()
    counts = peewee.TextField()
    artefacts = peewee.TextField()
    peak_memory = peewee.BigIntegerField(null=True)
    scheduled_as = peewee.TextField()


class JobLock(Model):
    """Who runs a job now; `owner` is the secret of the one that holds it."""

    job_key = peewee.TextField(primary_key=True)
    owner = peewee.TextField()
    run_name = peewee.TextField()
    taken_at = Instant()
    heartbeat_at = Instant()


MODELS = (Candidate, Job, InterviewSlot, Seat, Interview, InterviewSchedule, InterviewSession, Question,
          SessionQuestion, Answer, AnswerCopy, Recording, Evaluation, PortalVisit, Notification, Batch, Event,
          JobRun, JobLock)  # fmt: skip
