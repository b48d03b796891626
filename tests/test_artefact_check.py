"""The last look before publishing: secrets and keys are found in whatever form they are written, and named by place only."""

import base64
import html
import json

import pytest

from notebooks.runner.artefact_check import ArtefactCheck

SECRET = 'päss"wörd&<1>'
KEY = "k1" + "a2" * 24


@pytest.fixture
def hits_in(tmp_path):
    """What is found in a file of this text, or in a notebook of these cells."""

    def hits_in(content, name="run.log", secrets=(SECRET,)):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return [(hit.place, hit.what) for hit in ArtefactCheck(secrets).hits(path)]

    return hits_in


@pytest.mark.parametrize(
    "written",
    [SECRET, html.escape(SECRET), html.escape(html.escape(SECRET)), json.dumps(SECRET), "p%C3%A4ss%22w%C3%B6rd%26%3C1%3E",
     *(base64.b64encode(f"{before}{SECRET}\0after".encode()).decode() for before in ("", "x", "xy")),
     SECRET.encode().hex(), SECRET.encode().hex().upper(), SECRET[::-1]],
)  # fmt: skip
def test_a_secret_is_found_as_it_is_and_as_it_is_written_elsewhere(hits_in, written):
    assert hits_in(f"first line\nit is {written} here\n") == [("line 2", "a secret of the settings")]


@pytest.mark.parametrize(
    ("written", "what"),
    [
        (f"https://x/?session_key={KEY}", "a session_key"),
        (KEY.upper(), "a session_key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("-----BEGIN PRIVATE KEY-----", "a private key"),
        ("AKIA" + "Q" * 16, "an AWS access key"),
        ("ya29." + "a-B_" * 6, "a Google token"),
        ("ghp_" + "a1" * 18, "a GitHub token"),
        (f"SG.{'a' * 22}.{'b' * 43}", "a SendGrid key"),
        ("xoxb-1234567890-abc", "a Slack token"),
        ("eyJhbGciOiJ.eyJzdWIiOiI.abcdefgh_-", "a signed token (JWT)"),
        ("postgresql://ops:hunter2@db/interviews", "a login in a web address"),
    ],
)
def test_a_key_is_found_by_its_look(hits_in, written, what):
    assert hits_in(f"so: {written}\n") == [("line 1", what)]


@pytest.mark.parametrize(
    "harmless",
    ["session_key=*** was masked", "postgresql://ops:***@db/interviews", "a***@example.com", "http://127.0.0.1:8000/a@b",
     "20261128T100000Z_1f3a", "f" * 64, "<3f0a.11@interviews.example.com>", "EMAIL_HOST_PASSWORD is not set"],
)  # fmt: skip
def test_what_every_run_shows_is_no_hit(hits_in, harmless):
    assert hits_in(f"{harmless}\n") == []


def test_a_notebook_is_told_by_cell_and_output(hits_in):
    def cell(source, *texts):
        outputs = [{"output_type": "stream", "text": text} for text in texts]
        return {"cell_type": "code", "metadata": {}, "source": source, "outputs": outputs}

    halves = [SECRET[:5], SECRET[5:]]
    notebook = {"cells": [cell("a"), cell("b", "fine", halves), cell([SECRET])], "metadata": {"papermill": {"x": KEY}}}
    assert hits_in(notebook, "run.ipynb") == [
        ("cell 2, output 2", "a secret of the settings"),
        ("cell 3", "a secret of the settings"),
        ("its metadata", "a session_key"),
    ]


def test_random_letters_of_a_picture_are_no_key(hits_in):
    picture = {"output_type": "display_data", "data": {"image/png": KEY, "text/html": f"data:image/png;base64,{KEY}"}}
    notebook = {"cells": [{"cell_type": "code", "source": "", "metadata": {}, "outputs": [picture]}], "metadata": {}}
    assert hits_in(notebook, "run.ipynb") == []
    assert hits_in(f'<img src="data:image/png;base64,{KEY}">\n', "run.html") == []


def test_a_short_secret_is_left_out_for_it_is_an_ordinary_word(hits_in):
    assert hits_in("a test of the mail\n", secrets=("test", "")) == []


def test_no_more_than_twenty_places_are_told(hits_in):
    assert len(hits_in(f"{KEY}\n" * 100)) == 20
