"""`make demo`: the whole flow on this machine with the sample candidates, a sandbox mail server and a portal."""

import os
import sys
from collections import Counter
from pathlib import Path

from pydantic import SecretStr

from mailer import portal_process
from mailer.config import MailSettings
from notebooks import jobs
from notebooks.batch_steps import SAMPLE
from notebooks.runner import runs
from notebooks.runner.last_word import Result
from store import database, places, sample, times
from store.database import fetch
from store.errors import Refusal
from store.settings import FromEnvironment, Settings

FOLDER = places.resolve("var/demo")
_OWN = {
    "DATABASE_URL": "sqlite:///var/demo/interviews.db",
    "SESSION_KEY_RING": "var/demo/key_ring.json",
    "SANDBOX_MAILBOX": "var/demo/mailbox",
    "EMAIL_BACKEND": "sandbox",
    "BACKEND_URL": "http://localhost:8000",
    # Short, so that a demo that was killed goes on at the next run.
    "EMAIL_TIMEOUT": "5",
    "EMAIL_DEADLINE": "10",
    "EMAIL_LEASE": "15",
    "EMAIL_HOLD": "5",
}


def _defaults(kind: type[FromEnvironment]) -> dict[str, str]:
    values = {name.upper(): field.default for name, field in kind.model_fields.items()}
    plain = {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items()}
    return {name: ",".join(v) if isinstance(v, tuple) else str(v) for name, v in plain.items()}


ENVIRONMENT = _defaults(Settings) | _defaults(MailSettings) | _OWN
"""The demo keeps to itself: no setting of yours is used or changed by it."""


def main() -> int:
    """Books, mails and proves the sample; gives the exit code."""
    os.environ.update(ENVIRONMENT)
    try:
        path = sample.write_sample(Path(SAMPLE), FOLDER / "candidates.csv", times.now().date())
        before = _sent()
        print(f"Booking {places.shown(path)}: planning, booking, mailing and proving, as a notebook.")
        with portal_process.running() as address:
            done = _run(path, address)
        return _tell(done, _sent() - before)
    except Refusal as refused:
        print(f"demo: {refused.line()}", file=sys.stderr)
        return 2


def _run(path: Path, address: str) -> Result:
    job = jobs.job("booking_batch", [f"batch_csv={path}", "dry_run=false", f"portal_url={address}"])
    db = database.open_record(ENVIRONMENT["DATABASE_URL"])
    try:
        return runs.run(job, db, places.resolve(ENVIRONMENT["RUNS_FOLDER"]))
    finally:
        db.close()


def _sent() -> int:
    db = database.open_record(ENVIRONMENT["DATABASE_URL"])
    sent = fetch(db, "SELECT count(*) FROM notification WHERE state = 'sent'")[0][0]
    db.close()
    return sent


def _tell(done: Result, mailed: int) -> int:
    db = database.open_record(ENVIRONMENT["DATABASE_URL"])
    sql = "SELECT outcome, count(*) FROM batch_row WHERE batch_id = (SELECT max(id) FROM batch) GROUP BY outcome"
    outcomes = Counter(dict(fetch(db, sql)))
    proven = fetch(db, "SELECT count(DISTINCT session_id) FROM portal_visit WHERE kind = 'proof'")[0][0]
    db.close()
    print(f"Booked:   {outcomes['created']} new, {outcomes['unchanged']} as they were, {outcomes['refused']} refused")
    print(f"Mailed:   {mailed} new")
    print(
        f"Proven:   {'every mail of the file' if not done.message else 'not all'} ({proven} links opened at the portal)"
    )
    if not outcomes["created"] and not mailed and not done.message:
        print("          Nothing new was booked or mailed: this file was done before, and it was proven again.")
    for kind, path in done.files.shown().items():
        print(f"{kind.capitalize() + ':':9} {path}")
    print(f"Mailbox:  {ENVIRONMENT['SANDBOX_MAILBOX']} (a Maildir: mutt -f {ENVIRONMENT['SANDBOX_MAILBOX']})")
    if done.message:
        print(f"demo: {done.message}", file=sys.stderr)
    return done.exit_code


if __name__ == "__main__":
    sys.exit(main())
