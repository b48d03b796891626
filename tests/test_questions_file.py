"""The questions file: read whole, every faulty row told at once, planned and loaded job by job."""

import pytest
from booking_desk import MINUTE

from store import questions, questions_file, sessions
from store.database import execute, fetch
from store.errors import FileRefused
from store.places import ROOT
from store.questions import Question
from store.questions_file import JobPlan
from store.settings import Settings

HEADER = "job_title,company_name,position,question,kind,time_limit_seconds"
SAMPLE = ROOT / "notebooks" / "data" / "questions_sample.csv"


@pytest.fixture
def read(tmp_path):
    """Writes a file of these rows and reads it."""

    def read(*rows, header=HEADER, encoding="utf-8", end="\n"):
        path = tmp_path / "questions.csv"
        path.write_bytes((end.join((header, *rows)) + end).encode(encoding))
        return questions_file.read(path, Settings())

    return read


@pytest.fixture
def load(db, now):
    return lambda file: questions_file.load(db, file, now)


def faults(file):
    return [(fault.line, fault.column, fault.code) for fault in file.faults]


def test_questions_are_read_with_their_kinds_and_limits(read):
    file = read("Nurse,Acme,1,Why?,text,", "Nurse,Acme,2,Say it.,AUDIO,90", "Nurse,Acme,3,Last?,,10")
    assert file.faults == ()
    assert [(job.job_title, job.company_name) for job in file.jobs] == [("Nurse", "Acme")]
    assert file.jobs[0].questions == (Question("Why?"), Question("Say it.", "audio", 90), Question("Last?", "text", 10))


def test_positions_give_the_order_and_may_leave_gaps(read):
    file = read("Nurse,Acme,50,Third?,,", "Nurse,Acme,7,Second?,,", "Nurse,Acme,1,First?,,")
    assert [question.text for question in file.jobs[0].questions] == ["First?", "Second?", "Third?"]


def test_one_job_may_be_written_in_any_case_and_its_rows_stand_anywhere(read):
    file = read("Nurse,Acme,1,A?,,", "Cook,Acme,1,B?,,", "NURSE,acme,2,C?,,")
    assert [(job.job_title, len(job.questions)) for job in file.jobs] == [("Nurse", 2), ("Cook", 1)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read_alike(read, encoding, end):
    header = HEADER.replace(",", ";").replace("_", " ").upper()
    file = read('Nurse;Acme;1;"Why ""us""; and\r\nwhy now?";text;', header=header, encoding=encoding, end=end)
    assert file.jobs[0].questions == (Question('Why "us"; and\nwhy now?'),)


def test_columns_that_may_be_blank_may_be_missing(read):
    file = read("Nurse,Acme,1,Why?", header="job_title,company_name,position,question")
    assert (file.faults, file.jobs[0].questions) == ((), (Question("Why?"),))


def test_windows_1252_is_refused_with_its_place(read):
    with pytest.raises(FileRefused) as caught:
        read("Nurse,Caf\u00e9,1,Why?,,", encoding="cp1252")
    assert (caught.value.code, caught.value.place.startswith("line 2, byte")) == ("encoding", True)


def test_wrong_columns_are_all_named_at_once(read):
    with pytest.raises(FileRefused) as caught:
        read("Nurse,1,Why?,x", header="job_title,position,qestion,extra")
    assert "unknown column 'qestion' (did you mean question?)" in str(caught.value)
    assert "unknown column 'extra'" in str(caught.value)
    assert "missing column company_name" in str(caught.value)
    assert "slot_date" not in caught.value.fix


def test_a_file_without_a_row_is_refused(read):
    with pytest.raises(FileRefused) as caught:
        read()
    assert caught.value.line().endswith("add a row for each question.")


@pytest.mark.parametrize(("row", "column", "code"), [
    (",Acme,1,Why?,,", "job_title", "value_missing"), ("Nurse,Acme,,Why?,,", "position", "value_missing"),
    ("Nurse,Acme,0,Why?,,", "position", "position_range"), ("Nurse,Acme,51,Why?,,", "position", "position_range"),
    ("Nurse,Acme,1.0,Why?,,", "position", "position_range"), ("Nurse,Acme,1,\u200b,,", "question", "value_missing"),
    (f"Nurse,Acme,1,{'x' * 2001},,", "question", "question_too_long"),
    ("Nurse,Acme,1,Why?,phone,", "kind", "kind_unknown"), ("Nurse,Acme,1,Why?,,9", "time_limit_seconds", "time_limit_range"),
    ("Nurse,Acme,1,Why?,,3601", "time_limit_seconds", "time_limit_range"), ("Nurse,Acme,1,Why?", "", "row_cells"),
    ("Nurse,Acme,1,Why?,,,more", "", "row_cells"),
])  # fmt: skip
def test_a_faulty_row_is_told_with_line_column_and_fix(read, row, column, code):
    file = read("Nurse,Acme,9,Fine?,,", row)
    assert faults(file) == [(3, column, code)]
    assert file.faults[0].fix


@pytest.mark.parametrize("seconds", [10, 3600])
def test_the_shortest_and_the_longest_limit_are_taken(read, seconds):
    assert read(f"Nurse,Acme,1,{'x' * 2000},,{seconds}").jobs[0].questions[0].time_limit_seconds == seconds


def test_a_position_that_stands_twice_in_a_job_names_the_first_line(read):
    file = read("Nurse,Acme,1,A?,,", "Cook,Acme,1,B?,,", "nurse,ACME,1,C?,,")
    assert faults(file) == [(4, "position", "position_twice")]
    assert "line 2" in file.faults[0].message


def test_all_faults_of_a_file_are_told_at_once_and_nothing_is_loaded(desk, load, read):
    file = read("Nurse,Acme,1,A?,,", "Cook,Acme,0,B?,phone,", "Cook,Acme,2,,,5")
    assert faults(file) == [(3, "position", "position_range"), (4, "question", "value_missing")]
    assert "phone" in file.faults[0].message
    with pytest.raises(FileRefused) as caught:
        load(file)
    assert (caught.value.code, caught.value.place) == ("rows_faulty", "line 3, column position")
    assert questions_file.plan(desk.db, file) == []
    assert (desk.count("job"), desk.count("question"), desk.count("event")) == (0, 0, 0)


def test_more_rows_than_memory_should_hold_are_refused(read, monkeypatch):
    monkeypatch.setattr(questions_file, "ROWS", 2)
    with pytest.raises(FileRefused) as caught:
        read(*(f"Nurse,Acme,{n},A?,," for n in (1, 2, 3)))
    assert (caught.value.code, caught.value.place) == ("too_many_rows", "line 4")


def test_loading_does_what_was_planned_and_a_second_time_nothing(desk, db, read, load):
    file = read("Nurse,Acme,1,A?,,", "Nurse,Acme,2,B?,,")
    new = [JobPlan("Nurse", "Acme", "new", 0, 2)]
    assert questions_file.plan(db, file) == new
    assert load(file) == new
    unchanged = [JobPlan("Nurse", "Acme", "unchanged", 2, 2)]
    assert questions_file.plan(db, file) == load(file) == unchanged
    assert desk.event_kinds() == ["questions_loaded"]


def test_planning_writes_nothing(desk, db, read):
    questions_file.plan(db, read("Nurse,Acme,1,A?,,"))
    assert (desk.count("job"), desk.count("question"), desk.count("event")) == (0, 0, 0)


def test_other_questions_replace_all_that_the_job_had(db, read, load):
    load(read("Nurse,Acme,1,A?,,", "Nurse,Acme,2,B?,,", "Cook,Acme,1,C?,,"))
    assert load(read("nurse,acme,1,B?,,60")) == [JobPlan("Nurse", "Acme", "replace", 2, 1)]
    assert fetch(db, "SELECT text, time_limit_seconds FROM question ORDER BY text") == [("B?", 60), ("C?", None)]


def test_a_booking_finds_the_job_that_a_file_made(desk, read, load, request_of):
    load(read("NURSE,ACME,1,Only this?,,"))
    desk.book(request_of())
    assert desk.count("job") == 1


def test_a_job_that_a_booking_made_gets_its_questions(desk, booked, read, load):
    load(read("NURSE,acme,1,Only this?,,"))
    assert desk.rows("SELECT j.title, q.text FROM question q JOIN job j ON j.id = q.job_id") == [
        ("Nurse", "Only this?")
    ]


def test_an_interview_that_runs_while_questions_are_loaded_keeps_its_own(desk, booked, tomorrow, read, load):
    load(read("Nurse,Acme,1,Before?,,"))
    session_id = desk.rows("SELECT id FROM interview_session")[0][0]
    sessions.begin(desk.db, session_id, tomorrow + MINUTE)
    load(read("Nurse,Acme,1,After?,,"))
    assert desk.rows("SELECT text FROM session_question") == [("Before?",)]
    assert questions.of_job(desk.db, desk.rows("SELECT id FROM job")[0][0]) == (Question("After?"),)


def test_a_load_that_fails_half_way_changes_no_job(db, read, load, desk):
    load(read("Nurse,Acme,1,A?,,"))
    execute(db, "CREATE UNIQUE INDEX no_two_alike ON question (text)")
    try:
        with pytest.raises(Exception, match="no_two_alike|question.text"):
            load(read("Nurse,Acme,1,B?,,", "Cook,Acme,1,B?,,"))
    finally:
        execute(db, "DROP INDEX no_two_alike")
    assert (desk.rows("SELECT text FROM question"), desk.count("job")) == ([("A?",)], 1)


def test_the_sample_asks_for_jobs_of_the_sample_of_candidates():
    file = questions_file.read(SAMPLE, Settings())
    assert file.faults == ()
    candidates = (ROOT / "notebooks" / "data" / "candidates_sample.csv").read_text(encoding="utf-8")
    assert len(file.jobs) == 2
    assert all(f"{job.job_title},{job.company_name}" in candidates for job in file.jobs)
    assert [{question.kind for question in job.questions} for job in file.jobs] == [{"text"}, {"text", "audio"}]
    assert any(question.time_limit_seconds for question in file.jobs[0].questions)
