"""What a run leaves: nothing writes to it any more, and it is published whatever its cells put out."""

import errno

import job_office
import key_samples
import pytest
from job_office import JobOffice, is_alive, outputs

from notebooks.runner import artefacts, left_behind, page
from notebooks.runner.run_files import RunFiles
from notebooks.runner.verdict import Verdict
from store.outcomes import DONE
from store.redaction import redact


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: files are the same with both."""
    return sqlite_url


@pytest.fixture
def office(db, record_url, tmp_path, monkeypatch):
    environment = job_office.environment_of(tmp_path, record_url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return JobOffice(tmp_path, db, environment)


def test_what_a_cell_started_and_left_ends_with_the_run(office):
    office.write("""
        import subprocess
        command = ["sh", "-c", "sleep 60 & echo $! $$; wait"]
        away = subprocess.Popen(command, env={}, start_new_session=True, stdout=subprocess.PIPE, text=True)
        print(away.stdout.readline())
    """)
    result = office.run()
    numbers = list(map(int, outputs(result.files.notebook).split()))
    assert (result.outcome, len(numbers), list(filter(is_alive, numbers))) == ("done", 2, [])


def test_outputs_that_no_notebook_should_have_but_may_are_published_with_a_page(office):
    office.write("""
        from IPython.display import display
        display({"text/markdown": "![x](attachment:none.png)"}, raw=True)
        display({"application/vnd.interview-ops.counts+json": [1, 2]}, raw=True)
        from notebooks import counts
        counts.tell(rows=3)
        print("whole")
    """)
    result = office.run()
    assert (result.message, result.outcome, result.counts) == ("", "done", {"rows": 3})
    assert office.files() == ["html", "ipynb", "log"]
    page = result.files.page.read_text(encoding="utf-8")
    assert "Output 1 of cell 4 cannot be shown on this page" in page
    assert "whole" in page


def test_a_secret_in_the_page_alone_takes_all_back_from_everybody(office, monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-battery")
    write = page.write

    def written(notebook, path):
        write(notebook, path)
        path.write_text(path.read_text(encoding="utf-8") + "<p>correct-horse-battery correct-horse-battery</p>")

    monkeypatch.setattr(page, "write", written)
    office.write("print('whole')")
    result = office.run()
    assert (result.outcome, result.exit_code) == ("blocked", 70)
    kept = {path.suffix: path.stat().st_mode & 0o777 for path in (office.runs / "small").glob("*.blocked*")}
    assert kept == {".html": 0o600, ".log": 0o600, ".ipynb": 0o600}
    assert len(list((office.runs / "small").iterdir())) == 3
    assert (result.artefacts, office.rows()[0].artefacts) == ({}, {})


def test_a_place_that_shows_a_secret_in_several_ways_is_told_once(office, monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-battery")
    office.write("""
        from IPython.display import display
        said = "-".join(["correct", "horse", "battery"])
        display({"text/plain": said, "text/html": f"<p>{said}</p>"}, raw=True)
    """)
    places = office.run().message.partition(" To fix: ")[0].partition(" is in ")[2].split("; ")
    assert len(places) == len(set(places)) > 0


def test_a_page_that_could_not_be_made_for_a_reason_is_made_when_that_is_gone(office, monkeypatch):
    write = page.write

    def full(notebook, path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(page, "write", full)
    office.write("print('whole')")
    result = office.run()
    assert (result.outcome, office.files()) == ("failed", ["ipynb", "log", "part.secrets"])
    left_behind.publish(office.db, office.runs / "small")
    monkeypatch.setattr(page, "write", write)
    assert left_behind.publish(office.db, office.runs / "small") == [result.files.name]
    assert office.files() == ["html", "ipynb", "log"]


def test_a_secret_in_many_places_is_told_with_the_first_and_the_fix_is_not_cut_off(office, monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-battery")
    office.write(*["import os\nprint(os.environ['EMAIL_HOST_PASSWORD'])"] * 8)
    result = office.run()
    assert "cell 4, output 1, cell 5, output 1, cell 6, output 1 and 5 more: a secret of" in result.message
    assert result.message.count("a secret of the settings (EMAIL_HOST_PASSWORD)") == 1
    assert "To fix: take it out of the cell" in result.message


@pytest.mark.parametrize(
    "key", [*(key for key, _ in key_samples.ISSUED), key_samples.SESSION_KEY, "https://me:pw12@x.in"]
)
def test_what_is_said_of_a_secret_still_names_the_file_when_it_was_redacted(office, key):
    files = RunFiles.make(office.runs / "secret token")
    files.save('{"cells": [], "metadata": {}}')
    files.log.write_text(f"so: {key}\n", encoding="utf-8")
    published = artefacts.publish(files, Verdict(DONE, ""))
    assert published.message.startswith(f"Not published, for a secret is in {files.name}.blocked.log, line 1: ")
    assert redact(published.message) == published.message
    assert key.partition("\n")[0] not in published.message
