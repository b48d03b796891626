"""The notebooks as people and schedulers run them: nbval on the harmless defaults, papermill for the whole flow."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import booking_desk
import interview_room
import pytest
from smtp_server import SmtpServer

from mailer import portal_process
from store import database, places, record_copies, sample, session_keys, times
from store.candidates_file import CandidatesFile
from store.database import fetch
from store.settings import Settings

NOTEBOOKS = sorted((places.ROOT / "notebooks").glob("*.ipynb"))
CANARY = "correct-horse-battery-canary"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A small installation of its own, with a secret in its settings that must turn up nowhere."""
    given = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/interviews.db",
        "SESSION_KEY_RING": str(tmp_path / "key_ring.json"),
        "SANDBOX_MAILBOX": str(tmp_path / "mailbox"),
        "EMAIL_BACKEND": "sandbox",
        "EMAIL_HOST_PASSWORD": CANARY,
        "OPS_TOKEN": CANARY,
        "BACKEND_URL": "https://interviews.example.com",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **given}


def papermill(
    folder: Path, environment: dict[str, str], notebook: str = "booking_batch", **parameters: object
) -> subprocess.CompletedProcess:
    """Runs a notebook by papermill's own command, from another folder."""
    command = [sys.executable, "-m", "papermill", str(places.ROOT / f"notebooks/{notebook}.ipynb"), "out.ipynb"]
    for name, value in {"log_file": str(folder / "out.log"), **parameters}.items():
        command += ["-p", name, str(value)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def interviewed(environment):
    """The key of an interview that was completed yesterday; the first answer holds its link, a longer text is kept."""
    now = times.now()
    db = database.open_record(environment["DATABASE_URL"])
    ring = session_keys.load_ring(db, environment["SESSION_KEY_RING"], now=now)
    desk = booking_desk.Desk(db, Settings(), ring, now - timedelta(days=1))
    booked = desk.book(booking_desk.request(desk.now + timedelta(hours=1)))
    room = interview_room.room_of(desk, booked.interview_id).later(60)
    room.begin()
    [key] = keys_of(environment)
    said = f"My link is https://x/?session_key={key}, I am asha@example.com."
    room.save(f"{said} {'More. ' * 50}")
    room.save(f"In short: I use <b>both</b>. {said}", sequence=2)
    room.finish()
    db.close()
    return key


def outcomes(environment: dict[str, str]) -> Counter:
    db = database.open_record(environment["DATABASE_URL"])
    sql = "SELECT line, outcome, code FROM batch_row WHERE batch_id = (SELECT max(id) FROM batch)"
    found = {line: f"{outcome}: {code}" if code else outcome for line, outcome, code in fetch(db, sql)}
    db.close()
    return found


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs_on_its_harmless_defaults(notebook, tmp_path, environment):
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=60", "-q", "-p", "no:cacheprovider",
               "--override-ini=addopts=", str(notebook)]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout
    # The verification mails one test invitation, in the sandbox only.
    assert (tmp_path / "mailbox").exists() is (notebook.stem == "email_verification")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_kept_without_outputs(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]


def test_batch_is_booked_mailed_and_proven_and_a_second_run_adds_nothing(tmp_path, environment):
    path = sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "candidates.csv", date.today())
    with portal_process.running(environment) as address:
        first = papermill(tmp_path, environment, batch_csv=path, dry_run=False, portal_url=address)
        assert first.returncode == 0, first.stderr
        assert Counter(outcomes(environment).values()) == {"created": 200}
        said = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
        assert "200 of 200 mails are proven" in said
        mails = len(list((tmp_path / "mailbox/new").iterdir()))
        second = papermill(tmp_path, environment, batch_csv=path, dry_run=False, portal_url=address, prove_sample=20)
    assert second.returncode == 0, second.stderr
    assert Counter(outcomes(environment).values()) == {"unchanged": 200}
    assert len(list((tmp_path / "mailbox/new").iterdir())) == mails == 200
    assert_no_secret(tmp_path, environment, first.stdout + first.stderr + second.stdout + second.stderr)


def assert_no_secret(folder: Path, environment: dict[str, str], printed: str) -> None:
    """Greps everything that was written, the database's dump included, but the mails themselves and the ring."""
    db = database.open_record(environment["DATABASE_URL"])
    dump = "\n".join(db.connection().iterdump())
    db.close()
    keys = keys_of(environment)
    assert len(keys) == 200
    assert secrets_found([*keys, *ring_of(folder)], [printed, dump, *written_texts(folder)]) == []


def written_texts(folder: Path) -> list[str]:
    """The executed notebook and the log."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".log", ".ipynb"))
    assert [path.name for path in paths] == ["out.ipynb", "out.log"]
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths]


def keys_of(environment: dict[str, str]) -> list[str]:
    """The session_key of every interview in the record."""
    db = database.open_record(environment["DATABASE_URL"])
    ring = session_keys.load_ring(db, environment["SESSION_KEY_RING"], now=times.now())
    sessions = fetch(db, "SELECT public, key_id, generation FROM interview_session")
    db.close()
    return [session_keys.session_key(*session, ring) for session in sessions]


def ring_of(folder: Path) -> list[str]:
    return list(json.loads((folder / "key_ring.json").read_text(encoding="utf-8"))["keys"].values())


def secrets_found(secrets: list[str], texts: list[str]) -> list[str]:
    """The beginnings of those secrets, the canary among them, that stand in a text."""
    return [secret[:4] for secret in (CANARY, *secrets) for text in texts if secret in text]


def test_every_fault_of_the_faults_file_is_told_and_fails_the_job(tmp_path, environment):
    path = sample.write_sample(Path("notebooks/data/candidates_faults.csv"), tmp_path / "faults.csv", date.today())
    with portal_process.running(environment) as address:
        done = papermill(tmp_path, environment, batch_csv=path, dry_run=False, portal_url=address)
    assert done.returncode != 0
    assert "rows are refused. To fix: correct them in the file, or set allow_refused to True." in done.stderr
    assert outcomes(environment) == expected_outcomes(path)


def expected_outcomes(path: Path) -> dict[int, str]:
    with CandidatesFile(path, Settings()) as file:
        place = file.header["expected_outcome"]
        # A row with a cell too few has no expectation in its last one.
        return {line: (cells[place : place + 1] or [""])[0] or "refused: row_cells" for line, cells in file}


def test_a_server_that_wants_a_login_pauses_the_job_keeps_the_bookings_and_names_the_fix(tmp_path, environment):
    path = sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "candidates.csv", date.today())
    with SmtpServer({"MAIL": "530 5.7.0 Authentication Required"}) as server:
        environment |= {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(server.port),
                        "EMAIL_HOST_PASSWORD": "", "DEFAULT_FROM_EMAIL": "interviews@acme.org"}  # fmt: skip
        given = {"batch_csv": path, "dry_run": False, "portal_url": "http://127.0.0.1:9"}
        done = papermill(tmp_path, environment, **given, preflight=False)
    assert done.returncode != 0
    assert Counter(outcomes(environment).values()) == {"created": 200}
    said = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "The mail account is paused" in said
    assert "Set EMAIL_HOST_USER and EMAIL_HOST_PASSWORD." in said
    assert "[SUCCESS]" not in (tmp_path / "out.log").read_text(encoding="utf-8")


def test_mails_that_are_left_to_another_job_are_no_failure(tmp_path, environment):
    path = sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "candidates.csv", date.today())
    done = papermill(tmp_path, environment, batch_csv=path, dry_run=False, deliver_mail=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "mailbox").exists()


def test_refused_rows_are_no_failure_where_they_are_allowed(tmp_path, environment):
    path = tmp_path / "two.csv"
    path.write_text(
        "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,duration_minutes\n"
        "Asha Rao,asha@example.com,Engineer,Example Labs,2099-01-05,09:00,30\n"
        "Ravi,not an address,Engineer,Example Labs,2099-01-05,10:00,30\n",
        encoding="utf-8",
    )
    with portal_process.running(environment) as address:
        done = papermill(tmp_path, environment, batch_csv=path, dry_run=False, allow_refused=True, portal_url=address)
    assert done.returncode == 0, done.stderr
    assert outcomes(environment) == {2: "created", 3: "refused: email_invalid"}


def test_without_a_portal_the_job_fails_with_the_line_that_starts_one(tmp_path, environment):
    path = sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "candidates.csv", date.today())
    done = papermill(tmp_path, environment, batch_csv=path, dry_run=False, portal_url="http://127.0.0.1:9")
    assert done.returncode != 0
    assert "make portal" in (tmp_path / "out.ipynb").read_text(encoding="utf-8")


def test_without_mail_settings_the_bookings_stand_and_every_missing_setting_is_named(tmp_path, environment):
    path = sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "candidates.csv", date.today())
    del environment["EMAIL_BACKEND"]
    done = papermill(tmp_path, environment, batch_csv=path, dry_run=False, preflight=False)
    assert done.returncode != 0
    assert Counter(outcomes(environment).values()) == {"created": 200}
    assert all(name in done.stderr for name in ("EMAIL_BACKEND",))
    assert "[EMAIL NOT SENT]" in (tmp_path / "out.log").read_text(encoding="utf-8")


def test_a_batch_that_really_sends_stops_before_the_first_candidate_if_the_server_refuses(tmp_path, environment):
    path = sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "candidates.csv", date.today())
    with SmtpServer({"MAIL": "530 5.7.0 Authentication Required"}) as server:
        environment |= {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(server.port),
                        "EMAIL_HOST_PASSWORD": "", "DEFAULT_FROM_EMAIL": "interviews@acme.org"}  # fmt: skip
        done = papermill(tmp_path, environment, batch_csv=path, dry_run=False)
    assert done.returncode != 0
    assert "Stopped before the first candidate; nothing was booked or mailed." in done.stderr
    assert "Set EMAIL_HOST_USER and EMAIL_HOST_PASSWORD." in done.stderr
    assert rows(environment, "SELECT count(*) FROM interview") == [(0,)]
    assert server.recipients() == []


def test_a_canary_gets_a_test_invitation_before_the_first_candidate(tmp_path, environment):
    path = sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "candidates.csv", date.today())
    with portal_process.running(environment) as address:
        given = {"batch_csv": path, "dry_run": False, "portal_url": address, "prove_sample": 5}
        done = papermill(tmp_path, environment, **given, canary="ops@example.com")
    assert done.returncode == 0, done.stderr
    first = rows(environment, "SELECT i.is_test, n.state, n.recipient FROM notification n JOIN interview i"
                              " ON i.id = n.interview_id ORDER BY n.id LIMIT 1")  # fmt: skip
    assert first == [(1, "sent", "ops@example.com")]
    assert Counter(outcomes(environment).values()) == {"created": 200}


def test_missing_candidates_file_ends_the_notebook_with_its_name_and_the_fix(tmp_path, environment):
    done = papermill(tmp_path, environment, batch_csv="nowhere.csv", dry_run=False)
    assert done.returncode != 0
    assert "nowhere.csv" in done.stderr
    assert "To fix: " in done.stderr


def rows(environment: dict[str, str], sql: str) -> list[tuple]:
    db = database.open_record(environment["DATABASE_URL"])
    found = fetch(db, sql)
    db.close()
    return found


def test_an_interview_is_read_and_rated_without_its_key_or_address_in_what_is_written(
    tmp_path, environment, interviewed
):
    rating = {"interview_id": 1, "overall_score": 8, "traits": "clarity=7.5, pace=6"}
    done = papermill(tmp_path, environment, "review", **rating, dry_run=False)
    assert done.returncode == 0, done.stderr
    assert rows(environment, "SELECT overall_score, traits FROM evaluation") == [(8.0, '{"clarity":7.5,"pace":6.0}')]
    texts = [*written_texts(tmp_path), done.stdout, done.stderr]
    for shown in (
        "In short: I use &lt;b&gt;both&lt;/b&gt;.",
        "before the candidate cut it",
        "session_key=***",
        "rated 8.",
    ):
        assert shown in texts[0]
    assert secrets_found([interviewed, "asha@example.com", *ring_of(tmp_path)], texts) == []


def test_a_dry_run_of_a_rating_writes_nothing(tmp_path, environment, interviewed):
    done = papermill(tmp_path, environment, "review", interview_id=1, overall_score=8.5)
    assert done.returncode == 0, done.stderr
    assert rows(environment, "SELECT count(*) FROM evaluation") == [(0,)]
    assert "would rate it 8.5" in written_texts(tmp_path)[0]


def test_wrong_parameters_of_a_review_are_all_told_and_end_the_notebook(tmp_path, environment, interviewed):
    done = papermill(tmp_path, environment, "review", interview_id=7, overall_score=11, days=0, dry_run=False)
    assert done.returncode != 0
    for name in ("interview_id", "overall_score", "days"):
        assert f"[parameters.{name}]" in done.stderr
    assert rows(environment, "SELECT count(*) FROM evaluation") == [(0,)]


def test_questions_are_loaded_from_a_file(tmp_path, environment):
    done = papermill(tmp_path, environment, "load_questions", dry_run=False)
    assert done.returncode == 0, done.stderr
    assert rows(environment, "SELECT count(*), count(DISTINCT job_id) FROM question") == [(8, 2)]
    assert "2 with first questions. Interviews that had begun keep their questions." in written_texts(tmp_path)[0]


def test_a_faulty_questions_file_fails_the_job_and_loads_nothing(tmp_path, environment):
    path = tmp_path / "questions.csv"
    path.write_text("job_title,company_name,position,question,kind\nCook,Acme,1,Why?,\nCook,Acme,1,How?,smoke\n")
    done = papermill(tmp_path, environment, "load_questions", questions_csv=path, dry_run=False)
    assert done.returncode != 0
    assert "One row of questions.csv cannot be used, so nothing is loaded. To fix: " in done.stderr
    assert "The kind is 'smoke'" in written_texts(tmp_path)[0]
    assert rows(environment, "SELECT count(*) FROM question") == [(0,)]


def test_a_rehearsal_in_which_every_mail_fails_is_no_failure_and_changes_nothing(tmp_path, environment, interviewed):
    db = database.open_record(environment["DATABASE_URL"])
    before = record_copies.fingerprints(db)
    done = papermill(tmp_path, environment, "rehearsal", scenario="wrong-password")
    assert done.returncode == 0, done.stderr
    assert record_copies.fingerprints(db) == before
    db.close()
    texts = [*written_texts(tmp_path), done.stdout, done.stderr]
    assert "The record is the same before and after." in texts[0]
    assert "App Password" in texts[0]
    assert secrets_found([interviewed, "asha@example.com", *ring_of(tmp_path)], texts) == []
