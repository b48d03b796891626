"""The steps of load_questions.ipynb on a real record: what is shown, what is loaded, and when the job fails."""

from contextlib import ExitStack

import pytest

from mailer.config import MailSettings
from notebooks import question_steps, tables
from notebooks.opened_run import Run
from notebooks.stopping import JobFailed
from store import questions

HEADER = "job_title,company_name,position,question,kind,time_limit_seconds\n"


@pytest.fixture
def run(db, settings, ring, tmp_path):
    return Run(settings, MailSettings(), db, ring, tmp_path / "run.log", {}, ExitStack())


@pytest.fixture
def load(run, tmp_path):
    """Takes a file with these rows through all steps; gives what was read, planned and done."""

    def load(*rows: str, dry_run: bool = False):
        path = tmp_path / "questions.csv"
        path.write_text(HEADER + "\n".join(rows), encoding="utf-8")
        file = question_steps.read(run, str(path))
        planned = question_steps.plan(run, file)
        return file, planned, question_steps.load(run, file, dry_run=dry_run)

    return load


def asked(desk) -> list[str]:
    return [text for (text,) in desk.rows("SELECT text FROM question ORDER BY job_id, position")]


def test_without_a_name_the_sample_is_read_and_has_no_faults(run):
    file = question_steps.read(run, "")
    assert (file.name, file.faults, len(file.jobs)) == ("questions_sample.csv", (), 2)


def test_a_missing_file_is_named_with_the_fix(run):
    with pytest.raises(JobFailed, match=r"nowhere\.csv.*To fix: "):
        question_steps.read(run, "nowhere.csv")


def test_a_dry_run_loads_nothing_and_says_what_it_would_do(desk, load):
    file, planned, done = load("Cook,Acme,1,Why?,,", "Nurse,Acme,1,How?,,", dry_run=True)
    assert (done, desk.count("question"), desk.count("job")) == ([], 0, 0)
    sentence = question_steps.verdict(file, planned, done)
    assert "a dry run, nothing is loaded" in sentence
    assert "2 with first questions" in sentence


def test_loading_gives_each_job_the_questions_of_the_file(desk, load):
    load("Cook,Acme,1,Why?,,", "Nurse,Acme,1,How?,,")
    done = load("Cook,Acme,1,Why not?,,", "Nurse,Acme,1,How?,,")
    assert asked(desk) == ["Why not?", "How?"]
    assert question_steps.verdict(*done).startswith("Done: jobs of questions.csv: 1 replaced, 1 unchanged.")


def test_one_faulty_row_keeps_the_whole_file_out_and_fails_the_job(desk, load):
    file, planned, done = load("Cook,Acme,1,Why?,,", "Cook,Acme,2,How?,smoke,")
    assert (planned, done, desk.count("question")) == ([], [], 0)
    with pytest.raises(JobFailed, match=r"One row of questions\.csv cannot be used.*To fix: "):
        question_steps.verdict(file, planned, done)


def test_the_plan_tells_what_was_asked_and_what_is_asked_no_longer(load):
    load("Cook,Acme,1,Why?,,", "Cook,Acme,2,Who?,,")
    [change] = load("Cook,Acme,1,Who?,,", "Cook,Acme,2,How?,,", "Cook,Acme,3,When?,,", dry_run=True)[1]
    assert (change.plan.action, change.plan.before, change.plan.after) == ("replace", 2, 3)
    assert change.before == (questions.Question("Why?"), questions.Question("Who?"))
    assert change.dropped == (questions.Question("Why?"),)


def test_faults_are_shown_with_line_column_and_fix(load):
    shown = tables.faults(load("Cook,Acme,1,Why?,,", "Cook,Acme,2,How?,smoke,", "Cook,Acme,3")[0]).data
    assert "2 rows cannot be used" in shown
    assert "<td>3</td>" in shown
    assert "<td>kind</td>" in shown
    assert "write text, audio or video" in shown
    assert "<td>(row)</td>" in shown


def test_a_file_without_faults_says_how_much_it_holds(load):
    assert "1 question for 1 job, no faults" in tables.faults(load("Cook,Acme,1,Why?,,")[0]).data


def test_questions_are_shown_as_they_were_written(load):
    changes = load('<b>Cook</b>,Acme,1,"Is 1 < 2?\nFor $5, or $6?",audio,90')[1]
    shown = tables.questions(changes).data
    assert "Is 1 &lt; 2?\nFor $5, or $6?</pre>" in shown
    assert "answered as a sound recording, within 1 min 30 s" in shown
    assert "mathjax_ignore" in shown
    assert "<b>Cook" not in shown


def test_replacing_questions_marks_the_new_ones_and_lists_those_that_go(load):
    load("Cook,Acme,1,Why?,,", "Cook,Acme,2,Who?,,")
    shown = tables.questions(load("Cook,Acme,1,Who?,,", "Cook,Acme,2,How?,,", dry_run=True)[1]).data
    kept, new = shown.split("Asked no longer")[0].split("<li>")[1:]
    assert "<b>new</b>" in new
    assert "<b>new</b>" not in kept
    assert "Why?" in shown.split("Asked no longer")[1]


def test_first_questions_are_not_marked_and_drop_nothing(load):
    shown = tables.questions(load("Cook,Acme,1,Why?,,")[1]).data
    assert "<b>new</b>" not in shown
    assert "Asked no longer" not in shown


def test_the_plan_table_counts_before_and_after(load):
    load("Cook,Acme,1,Why?,,")
    shown = tables.question_plan(load("Cook,Acme,1,How?,,", "Cook,Acme,2,Why?,,", dry_run=True)[1]).data
    cells = [part.split("<")[0] for part in shown.split("<td>")[1:]]
    assert cells == ["Cook", "Acme", "replace", "1", "2", "1", "0"]


def test_more_jobs_than_are_shown_are_counted(load):
    changes = load("Cook,Acme,1,Why?,,", "Nurse,Acme,1,Why?,,", "Smith,Acme,1,Why?,,", dry_run=True)[1]
    assert "... and 2 more jobs." in tables.questions(changes, limit=1).data
