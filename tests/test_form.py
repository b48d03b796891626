"""The form of start_here.ipynb: fields made of a notebook's parameters, what is checked, and the run that is started."""

import os
import shlex
import signal
import sys
from contextlib import nullcontext
from typing import Literal

import ipywidgets as widgets
import job_office
import peewee
import pytest
from job_office import JobOffice
from waiting import wait_until

from notebooks import jobs
from notebooks.lab import form as form_of
from notebooks.lab import found_run, started_runs, words
from notebooks.lab.fields import Field
from notebooks.lab.form import Form
from notebooks.parameters import kinds
from notebooks.parameters.cell import REQUIRED, Parameter, read_cell
from store import database, job_locks, job_runs, places
from store.errors import Finding, StoreError

PATIENCE = 60.0
"""Seconds that a run may take on a machine that is busy."""


def field(line):
    [parameter] = read_cell(line)
    return Field(parameter)


@pytest.mark.parametrize(
    ("line", "widget", "value"),
    [
        ("dry_run: bool = True  # look only", widgets.Checkbox, True),
        ('mode: Literal["a", "b"] = "b"', widgets.Dropdown, "b"),
        ('mode: str = "b"  # which; one of: a, b', widgets.Dropdown, "b"),
        ("days: int = -3", widgets.Text, "-3"),
        ("score: float = 7.5", widgets.Text, "7.5"),
        ('name: str = "Asha"', widgets.Text, "Asha"),
        ("limit: int | None = None", widgets.Text, "None"),
        ("sure: bool | None = None", widgets.Dropdown, None),
        ("days: int = ...", widgets.Text, ""),
        ("sure: bool = ...", widgets.Dropdown, REQUIRED),
        (f"large: int = {10**17}", widgets.Text, str(10**17)),
    ],
)
def test_each_kind_of_parameter_has_its_field_at_its_default(line, widget, value):
    made = field(line)
    assert type(made.widget) is widget
    assert made.widget.value == value
    assert made.widget.description == made.parameter.name
    assert made.text is None


@pytest.mark.parametrize(
    ("line", "value", "text"),
    [
        ("dry_run: bool = True", False, "dry_run=false"),
        ('mode: Literal["a", "b"] = "b"', "a", "mode=a"),
        ("days: int = 1", "0", "days=0"),
        ("score: float = 1.0", "2.50", "score=2.50"),
        ('name: str = "Asha"', "", "name="),
        ('name: str = ""', " a = b ", "name= a = b "),
        ("limit: int | None = None", "7", "limit=7"),
        ("limit: int | None = 7", "None", "limit=None"),
        ("sure: bool | None = None", True, "sure=true"),
        ("days: int = ...", "3", "days=3"),
        ("sure: bool = ...", False, "sure=false"),
    ],
)
def test_a_field_that_is_changed_gives_the_command_line_its_text(line, value, text):
    made = field(line)
    made.widget.value = value
    assert made.text == text


@pytest.mark.parametrize(
    ("kind", "value"),
    [(bool, True), (bool, False), (int, -(2**53)), (int, 10**17), (float, 1e-7), (float, -0.1), (float, 1.5e22), (str, "007"),
     (str, "None"), (int | None, None), (Literal["a b", 3], 3)],
)  # fmt: skip
def test_what_a_field_writes_the_runners_reader_reads_as_the_same_value(kind, value):
    read = kinds.read(kind, kinds.text(value))
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("typed", ["7.6", "1e3", "007", "", "9" * 20, " 7", "seven"])
def test_a_number_is_taken_as_it_is_typed_or_refused_and_never_made_another(office, typed):
    office.write(parameters="days: int = 1")
    made = form(office, days=typed)
    made.check_button.click()
    assert "is not a whole number" in made.fields["days"].fault
    assert made.fields["days"].widget.value == typed


def test_a_field_shows_its_meaning_and_its_fault_as_text_and_not_as_markup():
    made = field("name: str = ...  # who <b>it</b> is")
    made.tell([Finding("parameters.name", "<i>wrong</i>.", "correct it.")])
    shown = made.row.children[0].children[1].value
    assert "must be given" in shown
    assert "who &lt;b&gt;it&lt;/b&gt; is" in shown
    assert "&lt;i&gt;wrong&lt;/i&gt;. <b>To fix:</b> correct it." in made.fault
    made.tell([])
    assert made.fault == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [("", None), ("here.csv", None), ("gone.csv", "no file at"), (".", "a folder at"), ("~nobody_here/x", "is no path"),
     ("a\0b", "no file at")],
)  # fmt: skip
def test_a_file_that_is_not_there_is_told(tmp_path, given, said):
    (tmp_path / "here.csv").write_text("x")
    made = field('batch_csv: str = ""')
    made.widget.value = str(tmp_path / given) if given[-3:] in ("csv", ".") else given
    found = made.missing_file()
    assert found is None if said is None else said in found.what


def test_only_a_text_whose_name_says_so_is_a_file():
    named = {name: Parameter(name, str, "", "").is_file for name in ("batch_csv", "key_file", "canary")}
    assert named == {"batch_csv": True, "key_file": True, "canary": False}


@pytest.fixture
def office(tmp_path, monkeypatch):
    """An installation with one notebook, whose jobs are run by the real command."""
    url = f"sqlite:///{tmp_path}/interviews.db"
    db = database.open_record(url)
    office = office_of(tmp_path, db, url, monkeypatch)
    yield office
    db.close()


def office_of(folder, db, url, monkeypatch):
    monkeypatch.setattr(started_runs, "RUNNER", ("-c", job_office.RUN, str(folder)))
    monkeypatch.setattr(form_of, "_running", None)
    office = JobOffice.here(folder, db, url, monkeypatch)
    office.write("print(days)", parameters="days: int = 3  # how many\nmode: str = ...  # how; one of: plan, book")
    return office


def form(office, **values):
    made = Form(["small"], office.folder)
    for name, value in values.items():
        made.fields[name].widget.value = value
    return made


def shown(made):
    """What stands below the form about the run."""
    return "".join(output["data"]["text/html"] for output in made.outcome.outputs)


def ended(made):
    made.wait(PATIENCE)
    wait_until(lambda: not made.run_button.disabled, PATIENCE)
    return shown(made)


def test_a_check_tells_what_would_be_run_and_starts_nothing(office):
    made = form(office, mode="plan")
    made.check_button.click()
    assert "days = 3" in made.answer.value
    assert "mode = &#x27;plan&#x27;" in made.answer.value
    assert (office.rows(), office.files()) == ([], [])


def test_every_fault_is_shown_at_its_own_field_and_goes_with_the_next_change(office):
    office.write(parameters='days: int | None = None\nmode: str = ...  # how\nbatch_csv: str = ""')
    made = form(office, days="007", batch_csv="nowhere.csv")
    made.run_button.click()
    assert [bool(one.fault) for one in made.fields.values()] == [True, True, True]
    assert "&#x27;007&#x27; is not a whole number or None" in made.fields["days"].fault
    assert "mode is not given" in made.fields["mode"].fault
    assert f"no file at {places.ROOT}/nowhere.csv" in made.fields["batch_csv"].fault
    assert office.rows() == []
    made.fields["days"].widget.value = "7"
    assert (made.fields["days"].fault, made.answer.value) == ("", "")


def test_wrong_settings_are_told_below_the_fields(office, monkeypatch):
    monkeypatch.setenv("PORTAL_PORT", "eighty")
    made = form(office, mode="plan")
    made.check_button.click()
    assert "PORTAL_PORT" in made.answer.value


def test_a_known_password_is_told_at_its_field(office, monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "a-known-password")
    office.write("print(1)", parameters='note: str = ""  # any')
    made = form(office, note="a-known-password")
    made.check_button.click()
    assert "note holds a secret of the settings" in made.fields["note"].fault
    assert "a-known" not in made.fields["note"].fault


def test_a_notebook_that_takes_a_secret_is_refused(office):
    office.write(parameters='api_key: str = ""')
    with pytest.raises(StoreError, match="looks like a secret"):
        Form(["small"], office.folder)


def test_a_notebook_that_is_spoilt_while_the_form_is_open_is_told(office):
    office.write(parameters="days: int = 1", name="other")
    made = Form(["small", "other"], office.folder)
    office.write(parameters='password: str = ""', name="other")
    made.choice.value = "other"
    assert made.fields == {}
    assert "looks like a secret" in made.answer.value


def test_what_changes_something_wants_a_tick_that_counts_once_and_a_failure_says_what_to_do(office):
    failing = (
        "from notebooks.stopping import JobFailed; raise JobFailed('Two <rows> are refused. To fix: correct them.')"
    )
    office.write(failing, parameters="dry_run: bool = True")
    made = form(office)
    assert made.tick.layout.display == "none"
    made.fields["dry_run"].widget.value = False
    assert made.tick.layout.display == ""
    made.run_button.click()
    assert "tick the line" in made.answer.value
    assert office.rows() == []
    made.tick.value = True
    made.run_button.click()
    said = ended(made)
    assert made.tick.value is False
    assert [row.parameters for row in office.rows()] == [{"dry_run": False}]
    assert "failed</span></b>: small" in said
    assert "Two &lt;rows&gt; are refused. <b>To fix:</b> correct them." in said


def test_the_command_can_be_pasted_into_a_shell(office):
    office.write(parameters='said: str = ""\ndays: int = 1')
    made = form(office, said='it\'s "a" $HOME; <b>', days="2")
    made.command_button.click()
    command = started_runs.command("small", made.texts)
    assert f">{words.html.escape(command)}</pre>" in made.answer.value
    assert shlex.split(command)[:3] == ["cd", str(places.ROOT), "&&"]
    assert shlex.split(command)[-2:] == ['said=it\'s "a" $HOME; <b>', "days=2"]


def test_a_run_is_recorded_as_a_job_of_its_own_and_its_record_is_linked(db, record_url, tmp_path, monkeypatch):
    office = office_of(tmp_path, db, record_url, monkeypatch)
    monkeypatch.setenv("JPY_SESSION_NAME", "start_here.ipynb")
    office.write("print(number)")
    made = form(office, number="5")
    made.run_button.click()
    assert made.run_button.disabled
    said = ended(made)
    [row] = office.rows()
    assert (row.outcome, row.parameters, row.started_by) == ("done", {"number": 5}, started_runs.STARTED_BY)
    assert "done</span></b>: small" in said
    assert all(path in said for path in row.artefacts.values())
    assert made.stop_button.disabled


def test_a_run_does_not_end_with_the_kernel_and_says_its_errors_in_plain_text(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(
        started_runs, "RUNNER", ("-c", "import os, sys; sys.exit(f'{sys.argv} {os.getsid(0)} {dict(os.environ)}')")
    )
    started = started_runs.StartedRun.start("small", ["days=3"])
    wait_until(lambda: started.exit_code is not None, PATIENCE)
    said = started.errors()
    assert said.startswith("['-c', 'run', 'small', 'days=3'] ")
    assert f"] {os.getsid(0)} " not in said
    assert "FORCE_COLOR" not in said


@pytest.fixture
def waiting(office):
    """A form whose run is in its last cell, which does not end by itself."""
    office.write("import time; time.sleep(600)")
    made = form(office)
    made.run_button.click()
    try:
        wait_until(lambda: made.bar.value == made.bar.max - 1 > 1, PATIENCE)
        yield made
    finally:
        made.stop()
        made.wait(PATIENCE)


def test_while_a_run_lasts_another_is_refused_and_a_form_shown_again_takes_it_over(waiting, office):
    waiting.run()
    assert "small still runs" in waiting.answer.value
    again = form(office)
    assert again.run_button.disabled
    wait_until(lambda: "cell" in shown(again), PATIENCE)
    again.stop_button.click()
    assert "stopped</span></b>: small" in ended(again)
    assert "stopped</span></b>: small" in ended(waiting)
    assert [(row.outcome, row.exit_code) for row in office.rows()] == [("stopped", 143)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what another process is")
def test_a_run_that_outlived_its_kernel_is_followed_and_can_be_stopped(waiting, office, monkeypatch):
    monkeypatch.setattr(form_of, "_running", None)
    again = form(office)
    assert again.run_button.disabled
    wait_until(lambda: "cell" in shown(again), PATIENCE)
    again.stop_button.click()
    assert "stopped</span></b>: small" in ended(again)
    assert [(row.outcome, row.exit_code) for row in office.rows()] == [("stopped", 143)]
    monkeypatch.setattr(form_of, "_running", None)
    assert not form(office).run_button.disabled


def test_a_run_that_ended_while_the_record_was_away_is_not_told_as_killed(office, monkeypatch):
    office.write("print(1)")
    office.run(name="small")
    found = found_run.FoundRun(office.rows()[0])
    monkeypatch.setattr(found_run, "_is_runner", lambda _: False)
    with monkeypatch.context() as away:
        away.setattr(found_run, "_record", lambda: nullcontext(None))
        assert found.exit_code is None
        away.setattr(found_run, "_UNREAD_SECONDS", 0.0)
        assert found.exit_code == -9
    assert found.exit_code == 0


def test_how_a_run_ended_goes_when_another_notebook_is_chosen(office):
    office.write("print(1)")
    office.write("print(2)", name="another")
    made = Form(["small", "another"], office.folder)
    made.run_button.click()
    assert "small" in ended(made)
    made.choice.value = "another"
    assert shown(made) == ""


def test_a_record_that_cannot_be_read_keeps_no_form_from_its_end(waiting, office, monkeypatch):
    def of_another_version(*_):
        raise peewee.ProgrammingError("no such column")

    monkeypatch.setattr(started_runs.StartedRun, "progress", of_another_version)
    waiting.stop_button.click()
    assert "small" in ended(waiting)
    assert waiting.stop_button.disabled


def test_a_run_that_is_killed_is_told_as_died(waiting, office):
    os.kill(office.rows()[0].pid, signal.SIGKILL)
    assert "died</span></b>: small" in ended(waiting)


def test_a_job_that_runs_already_elsewhere_is_not_started(office):
    job_locks.take(office.db, job_runs.job_key("small", {"days": 3, "mode": "plan"}), "another")
    made = form(office, mode="plan")
    made.run_button.click()
    said = ended(made)
    assert "not started</span></b>: small" in said
    assert "The same job runs already: another" in said


@pytest.mark.parametrize("name", jobs.names())
def test_the_form_of_every_notebook_is_right_at_its_defaults(office, name):
    made = Form([name])
    made.check_button.click()
    assert made.texts == []
    assert "Nothing is wrong" in made.answer.value
    assert "What it changes" in made.about.outputs[0]["data"]["text/html"]
