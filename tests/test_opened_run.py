"""Opening a notebook's run: parameters and settings are checked, and everything wrong is told at once with its fix."""

import logging

import pytest

from notebooks.opened_run import log_path, open_run
from notebooks.stopping import JobFailed
from store import places


@pytest.fixture
def parameters(tmp_path, monkeypatch):
    """A notebook's namespace, with settings of an installation of its own."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/interviews.db")
    monkeypatch.setenv("SESSION_KEY_RING", str(tmp_path / "key_ring.json"))
    return {
        "__annotations__": {"dry_run": bool, "log_file": str},
        "dry_run": True,
        "log_file": str(tmp_path / "run.log"),
    }


def test_run_opens_the_record_the_ring_and_the_log(parameters, tmp_path):
    run = open_run("booking_batch", parameters)
    run.close()
    assert (tmp_path / "interviews.db").is_file()
    assert (tmp_path / "key_ring.json").is_file()
    assert (tmp_path / "run.log").is_file()


def test_rehearsal_leaves_the_installation_alone(parameters, tmp_path):
    run = open_run("book_interview", parameters, rehearsal=True)
    run.close()
    assert not (tmp_path / "interviews.db").exists()
    assert not (tmp_path / "key_ring.json").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", "mysql://here/there"), ("INTERVIEW_TIMEZONE", "Mars/Base"), ("SESSION_KEY_RING", "{not json"),
     ("BACKEND_URL", "interviews"), ("PORTAL_PORT", "eighty")],
)  # fmt: skip
def test_wrong_setting_is_named_with_its_fix(parameters, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(JobFailed, match=rf"{name}.*To fix: ") as stopped:
        open_run("booking_batch", parameters)
    assert len(str(stopped.value).splitlines()) == 1


def test_every_wrong_setting_is_told_at_once(parameters, monkeypatch):
    monkeypatch.setenv("INTERVIEW_TIMEZONE", "Mars/Base")
    monkeypatch.setenv("PORTAL_PORT", "eighty")
    with pytest.raises(JobFailed, match=r"(?s)INTERVIEW_TIMEZONE.*PORTAL_PORT"):
        open_run("booking_batch", parameters)


@pytest.mark.parametrize("value", ["true", 1, None])
def test_parameter_of_another_type_is_named(parameters, value):
    with pytest.raises(JobFailed, match=r"dry_run = .* is not True or False\. To fix: "):
        open_run("booking_batch", parameters | {"dry_run": value})


def test_secret_given_as_a_parameter_is_refused_and_not_repeated(parameters):
    with pytest.raises(JobFailed, match="email_host_password looks like a secret") as stopped:
        open_run("booking_batch", parameters | {"email_host_password": "hunter2hunter2"})
    assert "hunter2" not in str(stopped.value)


def test_log_of_its_own_lies_in_the_folder_of_runs(parameters, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNS_FOLDER", str(tmp_path / "elsewhere"))
    run = open_run("booking_batch", parameters | {"log_file": ""})
    run.close()
    assert run.log_path.parent == tmp_path / "elsewhere" / "booking_batch"
    assert run.log_path.is_file()


def test_log_of_a_run_whose_settings_cannot_be_read_is_kept_in_the_usual_folder(monkeypatch):
    monkeypatch.setenv("PORTAL_PORT", "eighty")
    assert log_path("booking_batch", "").parent == places.resolve("runs") / "booking_batch"


def test_log_that_cannot_be_written_is_told(parameters, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(JobFailed, match="cannot be written"):
        open_run("booking_batch", parameters | {"log_file": str(tmp_path / "taken" / "run.log")})


def test_ring_of_another_installation_is_refused(parameters, tmp_path):
    open_run("booking_batch", parameters).close()
    (tmp_path / "key_ring.json").unlink()
    with pytest.raises(JobFailed, match="key ring"):
        open_run("booking_batch", parameters)


def said(text):
    logging.getLogger("store").info("DEBUG: %s", text)


def test_opening_again_closes_the_run_before_with_its_log_and_record(parameters, tmp_path):
    first = open_run("booking_batch", parameters | {"log_file": str(tmp_path / "first.log")})
    second = open_run("booking_batch", parameters)
    said("hello")
    assert first.db.is_closed()
    assert not second.db.is_closed()
    second.close()
    assert (tmp_path / "first.log").read_text() == ""
    assert (tmp_path / "run.log").read_text().count("hello") == 1


def test_a_run_that_cannot_be_opened_leaves_the_one_before_at_work(parameters, tmp_path, monkeypatch):
    first = open_run("booking_batch", parameters)
    monkeypatch.setenv("SESSION_KEY_RING", "{not json")
    with pytest.raises(JobFailed):
        open_run("booking_batch", parameters | {"log_file": str(tmp_path / "second.log")})
    said("hello")
    assert not first.db.is_closed()
    first.close()
    assert (tmp_path / "run.log").read_text().count("hello") == 1
    assert "hello" not in (tmp_path / "second.log").read_text()
