"""How a run waits for its kernel: for one that is slow, one that says nothing, and one that ends before its first word."""

import pytest
from job_office import JobOffice, outputs

from notebooks.runner import execution, private_kernel

REAL = private_kernel._PROCESS


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: it is about the kernel."""
    return sqlite_url


@pytest.fixture
def run(db, record_url, tmp_path, monkeypatch):
    """Runs a notebook of two cells in a kernel whose process first does what is given."""

    def run(first, seconds=60):
        process = tmp_path / "process.py"
        process.write_text(
            f"{first}\nimport runpy, sys\nsys.path.insert(0, 'x')\nrunpy.run_path({str(REAL)!r}, run_name='__main__')"
        )
        monkeypatch.setattr(private_kernel, "_PROCESS", process)
        monkeypatch.setattr(execution, "_START_SECONDS", seconds)
        office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
        office.write("print('one')", "print('two')")
        return office.run()

    return run


def test_a_kernel_that_is_slow_to_come_up_is_asked_until_it_answers_and_no_output_is_mixed_up(run):
    result = run("import time; time.sleep(2.5)")
    assert (result.outcome, outputs(result.files.notebook)) == ("done", "one\ntwo\n")


def test_a_kernel_that_says_nothing_is_given_up_in_time(run):
    result = run("import time; time.sleep(60)", seconds=2)
    assert (result.outcome, result.exit_code) == ("kernel_died", 138)
    assert "did not come up in time" in result.message


def test_a_kernel_that_ends_before_its_first_word_is_told_with_its_last_words(run):
    result = run("raise SystemExit('no room')")
    assert (result.outcome, result.exit_code) == ("kernel_died", 138)
    assert "The kernel died before the notebook ended: no room." in result.message
