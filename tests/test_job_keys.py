"""The key of a job: the same for values that mean the same, however they are written; another for any other value."""

from pathlib import Path

import nbformat
import pytest

from notebooks import jobs
from store import job_locks, job_runs, places
from store.job_locks import JobBusy

CELL = """
batch_csv: str = ""  # which
out_folder: str = "var/out"  # where
note: str = ""  # any
score: float = 8  # any
limit: float | None = None  # any
days: int = 3  # any
"""
SAMPLE = "notebooks/data/candidates_sample.csv"


@pytest.fixture
def job(tmp_path):
    """The job of a notebook with these values."""
    cell = nbformat.v4.new_code_cell(CELL, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "small.ipynb")
    return lambda *texts: jobs.job("small", texts, tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("score=8", "score=8.0"),
        ("score=8e0", "days=3"),
        ("score=0", "score=-0.0"),
        ("limit=1e1", "limit=10"),
        (f"batch_csv={SAMPLE}", f"batch_csv=./{SAMPLE}"),
        (f"batch_csv={SAMPLE}", "batch_csv=notebooks//data/../data/candidates_sample.csv"),
        (f"batch_csv={SAMPLE}", f"batch_csv={places.ROOT / SAMPLE}"),
        ("batch_csv=var/not/yet.csv", f"batch_csv={places.ROOT}/var/./not/yet.csv"),
        ("out_folder=var/out/", "days=3"),
        (f"batch_csv={Path.home()}/x.csv", "batch_csv=~/x.csv"),
    ],
)
def test_values_that_mean_the_same_are_one_job(job, one, other):
    assert job(one).key == job(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("score=8", "score=8.5"),
        ("batch_csv=", "batch_csv=."),
        ("batch_csv=a.csv", "batch_csv=A.csv"),
        ("batch_csv=~nobody-here/a.csv", "batch_csv=~nobody-here/b.csv"),
        ("note=a", "note=./a"),
        ("note=8", "note=8.0"),
        ("limit=None", "limit=0"),
    ],
)
def test_values_that_differ_are_two_jobs(job, one, other):
    assert job(one).key != job(other).key


def test_two_ways_to_a_file_are_one_job_and_a_link_that_was_turned_is_another(job, tmp_path):
    real, link = tmp_path / "monday.csv", tmp_path / "today_csv"
    real.touch()
    link.symlink_to(real)
    key = job(f"batch_csv={link}").key
    assert job(f"batch_csv={real}").key == key
    link.unlink()
    link.symlink_to(tmp_path / "tuesday.csv")
    assert job(f"batch_csv={link}").key != key


def test_links_that_lead_round_in_a_circle_have_a_key(job, tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert job(f"batch_csv={tmp_path}/a/x.csv").key == job(f"batch_csv={tmp_path}/./a/x.csv").key


def test_a_path_inside_the_project_has_the_same_key_wherever_the_project_lies(job, monkeypatch, tmp_path):
    key = job(f"batch_csv={SAMPLE}").key
    monkeypatch.setattr(places, "ROOT", tmp_path.resolve())
    assert job(f"batch_csv=./{SAMPLE}").key == job(f"batch_csv={tmp_path / SAMPLE}").key == key


def test_a_notebook_gets_what_was_written(job):
    texts = job("batch_csv=./a.csv", "score=8").values
    assert (texts["batch_csv"], texts["out_folder"]) == ("./a.csv", "var/out")
    assert job().values["score"] == 8


def test_plain_values_are_keyed_as_they_stand(job):
    values = {"batch_csv": "var/in.csv", "out_folder": "var/out", "note": "", "score": 8.0, "limit": None, "days": 3}
    assert job("batch_csv=var/in.csv").key == job_runs.job_key("small", values)


def test_the_same_job_in_other_words_is_locked(db, job):
    job_locks.take(db, job(f"batch_csv={SAMPLE}", "score=8").key, "first")
    with pytest.raises(JobBusy, match="first"):
        job_locks.take(db, job(f"batch_csv={places.ROOT / SAMPLE}", "score=8.0").key, "second")
