"""Which secrets a run looks for: those of now and of before, wherever the settings keep them; none of them is a parameter."""

import json
import os

import pytest
from job_office import JobOffice
from key_samples import SESSION_KEY

from notebooks.__main__ import main
from notebooks.runner import settings_secrets
from notebooks.runner.run_files import RunFiles
from store import redaction
from store.known_secrets import KnownSecrets


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    """Knows nothing of other tests' secrets, and leaves them none."""
    monkeypatch.setattr(redaction, "_KNOWN", KnownSecrets())


BY_CHANCE = "which is so short or plain that it may be there by chance"


@pytest.fixture
def office_of_small(db, sqlite_url, tmp_path, monkeypatch):
    office = JobOffice.here(tmp_path, db, sqlite_url, monkeypatch)
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "a-known-password")
    office.write("print(note)", parameters='note: str = ""  # any\nnumber: int = 1  # any')
    return office


def test_a_password_that_was_replaced_meanwhile_is_looked_for_too(monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "first-of-two-passwords")
    settings_secrets.secrets()
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "second-of-two-passwords")
    found = settings_secrets.secrets()
    assert (found["first-of-two-passwords"], found["second-of-two-passwords"]) == ("", "EMAIL_HOST_PASSWORD")


def test_the_keys_of_the_ring_are_looked_for_and_its_path_is_not(monkeypatch, tmp_path):
    ring = tmp_path / "ring.json"
    ring.write_text(json.dumps({"keys": {"k1": "ring-key-of-a-test"}}), encoding="utf-8")
    monkeypatch.setenv("SESSION_KEY_RING", str(ring))
    found = settings_secrets.secrets()
    assert ("ring-key-of-a-test" in found, str(ring) in found) == (True, False)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("token-in-a-file-4711\n", {"token-in-a-file-4711"}),
        (
            '{"access_token": "access-4711", "refresh_token": "refresh-4711", "expiry": 7}',
            {"access-4711", "refresh-4711"},
        ),
        ("{not json", set()),
        (b"\xff\xfe", set()),
        (None, set()),
    ],
)
def test_the_tokens_of_the_token_file_are_looked_for(monkeypatch, tmp_path, content, found):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = settings_secrets.secrets()
    monkeypatch.setenv("EMAIL_TOKEN_FILE", str(path))
    assert settings_secrets.secrets().keys() - before.keys() == found


@pytest.mark.parametrize(
    ("name", "is_waited_for"), [("access_token", False), ("refresh_token", True), ("client_secret", True)]
)
def test_what_stays_of_a_token_file_is_asked_for_before_publishing(monkeypatch, tmp_path, name, is_waited_for):
    path, files = tmp_path / "token.json", RunFiles.make(tmp_path / "runs")
    monkeypatch.setattr(redaction, "_KNOWN", KnownSecrets())
    path.write_text(json.dumps({name: "first-4711-of-two"}), encoding="utf-8")
    monkeypatch.setenv("EMAIL_TOKEN_FILE", str(path))
    settings_secrets.mark(files)
    monkeypatch.setattr(redaction, "_KNOWN", KnownSecrets())
    path.write_text(json.dumps({name: "second-4711-of-two"}), encoding="utf-8")
    assert settings_secrets.are_known(files) == (not is_waited_for)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("a-known-password", "a secret of the settings (EMAIL_HOST_PASSWORD)"),
        ("see a-known-password", "a secret of the settings (EMAIL_HOST_PASSWORD)"),
        (84736251, f"a secret of the settings (IMAP_PASSWORD, {BY_CHANCE})"),
        ("candidates.csv", f"a secret of the settings (PGPASSWORD, {BY_CHANCE})"),
        (SESSION_KEY, "a session_key"),
        ("https://me:pw12@example.com", "a login in a web address"),
    ],
)
def test_a_value_that_holds_a_secret_is_told_and_not_repeated(monkeypatch, value, what):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "a-known-password")
    monkeypatch.setenv("IMAP_PASSWORD", "84736251")
    monkeypatch.setenv("PGPASSWORD", "candidates")
    [finding] = settings_secrets.held_by({"note": value, "batch": "monday", "rows": 3})
    assert finding.what == f"note holds {what}, and a notebook is passed around."
    assert str(value) not in finding.line()
    assert ("longer value" in finding.fix) == (BY_CHANCE in what)


def test_a_run_whose_parameter_is_a_known_password_is_refused_before_anything_is_begun(office_of_small, capsys):
    assert main(["run", "small", "note=say a-known-password"], office_of_small.folder) == 2
    said = capsys.readouterr().err
    assert said == (
        "notebooks: [parameters.note] note holds a secret of the settings (EMAIL_HOST_PASSWORD), and a notebook is"
        " passed around. To fix: take it out; what needs it reads it from .env.\n"
    )
    assert (office_of_small.rows(), office_of_small.runs.exists()) == ([], False)


def test_half_of_a_password_is_not_told_where_a_long_value_is_cut(office_of_small, capsys):
    assert main(["run", "small", "number=" + "x" * 50 + "a-known-password"], office_of_small.folder) == 2
    said = capsys.readouterr().err
    assert "number='xxx" in said
    assert "a-known" not in said


@pytest.mark.parametrize("content", ['{"keys": {"k1": 12345}}', '{"keys": ' + "[" * 100_000, '{"keys": []}', b"\xff"])
def test_a_ring_that_is_none_holds_no_key_and_stops_nobody(monkeypatch, tmp_path, content):
    ring = tmp_path / "ring.json"
    ring.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = settings_secrets.secrets()
    monkeypatch.setenv("SESSION_KEY_RING", str(ring))
    assert settings_secrets.secrets() == before


def test_a_pipe_for_a_token_or_a_ring_is_not_waited_for(monkeypatch, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    before = settings_secrets.secrets()
    monkeypatch.setenv("EMAIL_TOKEN_FILE", str(tmp_path / "pipe"))
    monkeypatch.setenv("SESSION_KEY_RING", str(tmp_path / "pipe"))
    assert settings_secrets.secrets() == before
