"""A batch as schedulers run it, by papermill in a real kernel: booked, mailed, proven, and nothing private written."""

from pathlib import Path

import notebook_desk
from notebook_cells import execute
from notebook_desk import counted, keys_of, mails_in, papermill, ring_of, secrets_found, written_texts

from mailer import portal_process
from store import database

environment, candidates = notebook_desk.environment, notebook_desk.candidates


def test_batch_is_booked_mailed_and_proven_and_a_second_run_adds_nothing(tmp_path, environment, candidates):
    with portal_process.running(environment) as address:
        given = {"batch_csv": str(candidates), "dry_run": False, "portal_url": address}
        first = papermill(tmp_path, environment, **given)
        assert first.returncode == 0, first.stderr
        assert counted(environment) == {"created": 200}
        texts = [first.stdout, first.stderr, *written_texts(tmp_path)]
        assert "200 of 200 mails are proven" in texts[2]
        second = execute(tmp_path, "booking_batch", **given, prove_sample=20)
    assert second.error == ""
    assert counted(environment) == {"unchanged": 200}
    assert mails_in(tmp_path) == 200
    assert_no_secret(tmp_path, environment, texts + second.texts)


def assert_no_secret(folder: Path, environment: dict[str, str], texts: list[str]) -> None:
    """Greps everything that was written, the database's dump included, but the mails themselves and the ring."""
    db = database.open_record(environment["DATABASE_URL"])
    dump = "\n".join(db.connection().iterdump())
    db.close()
    keys = keys_of(environment)
    assert len(keys) == 200
    assert secrets_found([*keys, *ring_of(folder)], [dump, *texts]) == []
