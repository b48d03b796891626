"""The mail that tests of composing begin with."""

from datetime import UTC, datetime, timedelta

from store.alerts import Alert
from store.facts import INVITATION, Facts

START = datetime(2026, 11, 30, 7, 20, tzinfo=UTC)
INVITED = Facts(
    kind=INVITATION,
    candidate_name="Asha Rao",
    recipient="asha@example.org",
    job_title="Data Engineer",
    company_name="Example Labs",
    starts_at=START,
    ends_at=START + timedelta(minutes=45),
    timezone="Asia/Kolkata",
    candidate_timezone="",
    opens_before=15,
    closes_after=15,
    booking_notes="",
    reference="",
    round=1,
    calendar_uid="interview-17@interviews.example.com",
    sequence=0,
)
FAILED_JOB = Alert(
    "run:20261120T060000Z_ab12cd",
    "booking_batch failed: 3 rows failed",
    "see the table of rows.",
    {"Job": "booking_batch", "Exit code": "1", "Record": "runs/booking_batch/20261120T060000Z_ab12cd.ipynb"},
)
