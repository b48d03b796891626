"""The notebooks of mail against real servers on loopback: a batch proven by what arrived, and a verification that is green."""

import os
import subprocess
import sys

import mail_servers_texts as texts
import pytest

from mailer import portal_process
from store import places

pytest_plugins = ("mail_servers",)


@pytest.fixture
def environment(tmp_path, mail_servers):
    own = {"DATABASE_URL": f"sqlite:///{tmp_path}/record.db", "SESSION_KEY_RING": str(tmp_path / "ring.json")}
    return os.environ | mail_servers.environment() | own


def run(folder, environment, notebook, **parameters):
    """Runs a notebook by papermill; gives its exit code and everything that it wrote."""
    command = [sys.executable, "-m", "papermill", str(places.ROOT / f"notebooks/{notebook}.ipynb"), "out.ipynb"]
    for name, value in {"log_file": str(folder / "out.log"), **parameters}.items():
        command += ["-p", name, str(value)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    texts_written = [(folder / name).read_text(encoding="utf-8") for name in ("out.ipynb", "out.log")]
    return done.returncode, "\n".join((done.stderr, *texts_written))


def test_a_batch_that_a_real_server_delivers_is_proven_by_what_arrived(tmp_path, environment):
    rows = [f"Asha {n},candidate+{n}@{texts.DOMAIN},Nurse,Acme,2099-01-0{n},09:00,30" for n in range(1, 4)]
    head = "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,duration_minutes"
    (tmp_path / "batch.csv").write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    with portal_process.running(environment) as address:
        given = {"batch_csv": tmp_path / "batch.csv", "dry_run": False, "portal_url": address}
        code, said = run(tmp_path, environment, "booking_batch", **given, canary=texts.CANDIDATE)
    assert code == 0, said
    assert "3 of 3 mails are proven" in said
    assert texts.PASSWORD not in said


def test_a_verification_of_a_right_set_up_is_green_and_shows_the_conversation(tmp_path, environment):
    with portal_process.running(environment | {"BACKEND_URL": texts.SITE}) as address:
        public = environment | {"BACKEND_URL": texts.SITE}
        code, said = run(tmp_path, public, "email_verification", recipient=texts.CANDIDATE, portal_url=address)
    assert code == 0, said
    assert "Mail works, from the settings to the opened link." in said
    assert "C: STARTTLS" in said
    assert "imap search in INBOX" in said
    assert texts.PASSWORD not in said


def test_a_verification_that_fails_ends_the_notebook_with_the_first_thing_to_do(tmp_path, environment, mail_servers):
    code, said = run(tmp_path, environment | mail_servers.environment("wrong_password"), "email_verification")
    assert code != 0
    assert "Correct EMAIL_HOST_USER and EMAIL_HOST_PASSWORD" in said
    assert "(stage 15)" in said
