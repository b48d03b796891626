"""The history of runs: what is looked at, what it comes to, that the record is only read, and what is refused."""

import history_desk
import job_past
import pytest
from history_desk import BAD

from notebooks import history_steps
from notebooks.stopping import JobFailed
from store import outcomes
from store.database import execute, fetch

ran, look = history_desk.ran, history_desk.look


def test_every_outcome_of_a_run_is_of_one_of_the_four_kinds():
    known = {value for name, value in vars(outcomes).items() if name.isupper() and isinstance(value, str)}
    assert set(history_steps.KINDS) == known == set(outcomes.OUTCOMES)
    assert set(history_steps.KINDS.values()) == set(history_steps.CHOICES["any"])


def test_the_sentence_tells_how_many_ended_how_and_what_nobody_put_right(ran, look):
    ran(50, "failed", message=BAD)
    ran(40)
    ran(30, "died", parameters={"days": 9})
    ran(20, "stopped", notebook="rehearsal")
    ran(1, "running")
    assert history_steps.words(look()) == (
        "5 runs in the last 30 days: 1 done, 2 failed, 1 stopped, 1 running."
        " Of those that failed or were stopped, 2 were not put right since."
    )


def test_runs_that_were_all_put_right_ask_for_nothing(ran, look):
    ran(50, "failed", message=BAD)
    ran(40)
    assert look().open_troubles == []
    assert history_steps.words(look()).endswith("What did not end well was put right: the same job was done later.")


def test_only_the_last_days_one_notebook_and_one_kind_are_looked_at(ran, look):
    names = [ran(30), ran(20, "failed"), ran(10, notebook="rehearsal")]
    assert [row.name for row in look().rows] == names[::-1]
    assert [row.name for row in look(days=1).rows] == names[:0:-1]
    assert [row.name for row in look(notebook="rehearsal").rows] == names[2:]
    assert [row.name for row in look(outcome="not done").rows] == [names[1]]
    assert look(notebook="rehearsal").kinds == {"done": 1}


def test_a_run_that_only_just_looks_is_not_counted(ran, look):
    name = ran(0, "running", notebook="job_history")
    ran(1)
    looked = look(own_name=name)
    assert looked.kinds == {"done": 1}
    assert [row.notebook for row in looked.rows] == ["review"]


def test_an_empty_record_says_so_and_how_a_run_is_recorded(look):
    assert history_steps.verdict(look(days=1)).startswith("No run was begun in the last day. A run is recorded when")
    assert history_steps.words(look(notebook="review")).startswith("No run of review was begun in the last 30 days.")


def test_without_a_record_there_is_nothing_and_none_is_made(look, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none.db")
    assert history_steps.words(look()).startswith("There is no record of runs yet.")
    assert not (tmp_path / "none.db").exists()


def test_looking_changes_nothing(db, ran, look):
    ran(1, "died")
    before = fetch(db, "SELECT * FROM job_run")
    history_steps.verdict(look())
    assert fetch(db, "SELECT * FROM job_run") == before


def test_a_record_of_an_older_version_is_told_with_the_command_that_upgrades_it(db, look):
    execute(db, "DROP INDEX job_run_scheduled")
    execute(db, "ALTER TABLE job_run DROP COLUMN scheduled_as")
    try:
        with pytest.raises(JobFailed, match="To fix: run: python -m notebooks history"):
            look()
    finally:
        # The server's tables are used by the next test, too.
        execute(db, "ALTER TABLE job_run ADD COLUMN scheduled_as TEXT NOT NULL DEFAULT ''")
        execute(db, "CREATE INDEX job_run_scheduled ON job_run (scheduled_as, started_at)")


def test_everything_wrong_with_the_parameters_is_told_at_once(look):
    with pytest.raises(JobFailed) as failed:
        look(days=0, notebook="reviw", outcome="bad")
    lines = str(failed.value).splitlines()
    assert [line.partition("]")[0] for line in lines] == [
        "[parameters.days", "[parameters.outcome", "[parameters.notebook"
    ]  # fmt: skip
    assert lines[2].endswith("To fix: did you mean review?")


@pytest.mark.parametrize(
    ("message", "what", "fix"),
    [
        (BAD, "Two rows are refused. (and 1 more)", "correct them."),
        ("ValueError: x", "ValueError: x", ""),
        ("Two rows failed.\nRow 7. To fix: book another.", "Two rows failed. (and 1 more)", "book another."),
        ("", "", ""),
    ],
)
def test_a_message_is_what_happened_and_what_to_do(message, what, fix):
    assert history_steps.split(message) == (what, fix)


def test_a_long_past_is_counted_whole_and_listed_in_part(db, look):
    count = job_past.write(db, days=29, a_day=50)
    looked = look()
    assert sum(looked.kinds.values()) == count == 1450
    assert (len(looked.rows), len(looked.troubles)) == (200, 200)
    assert "Of the newest 200 that failed" in history_steps.words(looked)
