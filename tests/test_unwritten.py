"""What is told of a run whose record cannot be written: the file, the reason, and a fix that fits it."""

import errno
import os

import nbformat
import pytest

from notebooks.runner import page, unwritten
from notebooks.runner.run_files import RunFiles
from notebooks.runner.verdict import Verdict
from store.errors import Finding, SettingsError, StoreError

GOOD = Verdict("done", "")


@pytest.fixture
def files(tmp_path):
    return RunFiles.make(tmp_path / "small")


def raised(error):
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 (whatever it is, it is the test's own)
        return caught


class ZeroMqError(Exception):
    errno = errno.EMFILE


def test_a_machine_without_room_is_told_whoever_noticed_it(files):
    assert "raise this user's limits" in unwritten.line(files, raised(ZeroMqError("Too many open files")))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "make room on its disk"),
        (errno.EDQUOT, "make room in this user's share"),
        (errno.ENOENT, "leave the run's files where they are"),
        (errno.EACCES, "give this user the right"),
        (errno.EROFS, "mounted for writing"),
        (errno.EISDIR, "see that it is what it should be"),
    ],
)
def test_each_trouble_of_a_file_names_it_and_has_a_fix_of_its_own(files, number, words):
    said = unwritten.line(files, OSError(number, os.strerror(number), str(files.log)))
    assert said.startswith(f"The run could not be written or published ({files.log}: {os.strerror(number)}). To fix: ")
    assert words in said
    assert ("room" in said) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_a_trouble_without_a_file_names_what_was_being_written(files):
    assert f"({files.aside}: No space left on device)" in unwritten.line(files, OSError(28, "No space left on device"))


def test_a_fault_in_what_the_notebook_holds_names_the_file_that_was_made_and_the_place(files):
    error = raised(TypeError("expected str, not int"))
    assert f"({files.aside}: TypeError: expected str, not int, at test_unwritten.py:" in unwritten.line(files, error)
    files.aside.rename(files.notebook)
    assert f"({files.page}: TypeError" in unwritten.line(files, error)
    files.page.touch()
    assert f"({files.notebook}: TypeError" in unwritten.line(files, error)


@pytest.mark.parametrize(
    "refusal", [StoreError("No.", "do it."), SettingsError([Finding("EMAIL_PORT", "No.", "do it.")])]
)
def test_a_refusal_says_its_own_fix(files, refusal):
    said = unwritten.line(files, refusal)
    assert said.startswith("The run could not be written or published: ")
    assert said.endswith("No. To fix: do it.")


def test_a_run_that_had_done_its_work_has_failed(files):
    end = unwritten.end(files, GOOD, OSError(28, "No space left on device"), 5)
    assert (end.outcome, end.exit_code, end.peak_memory, end.artefacts.keys()) == ("failed", 1, 5, {"log"})
    assert "The run itself" not in end.message


def test_a_run_that_had_ended_worse_keeps_its_outcome_and_words(files):
    end = unwritten.end(files, Verdict("out_of_time", "It took too long."), OSError(28, "full"), None)
    assert (end.outcome, end.exit_code) == ("out_of_time", 124)
    assert end.message.endswith(" The run itself: out_of_time. It took too long.")


def test_a_folder_that_cannot_be_looked_into_shows_nothing(files, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied", str(files.folder))

    monkeypatch.setattr(RunFiles, "shown", refuse)
    assert unwritten.end(files, GOOD, OSError(13, "Permission denied"), None).artefacts == {}


def test_half_a_page_is_not_left_on_a_full_disk(tmp_path, monkeypatch):
    notebook, made = tmp_path / "small.ipynb", tmp_path / "small.part.html"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Small")]), notebook)

    def full(path):
        path.write_text("half", encoding="utf-8")
        return os.open("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(page.regular_files, "made", full)
    with pytest.raises(OSError, match="No space left"):
        page.write(notebook, made)
    assert not made.exists()
