"""`python -m notebooks`: what each command says and how it exits, without starting a kernel."""

import errno
import fcntl
import json
import os
import tempfile
from pathlib import Path

import pytest
from job_office import JobOffice, is_alive, outputs

from notebooks import __main__ as command
from notebooks.runner import early_imports
from notebooks.runner.private_kernel import PrivateKernel
from store import alerts, job_locks, job_runs, places
from store.database import execute, fetch
from store.job_runs import JobEnd, JobStart

MISSING = (
    f"there is no file at {places.ROOT}/nowhere.csv. To fix: put the file there, or give another path"
    " (without a / in front it is seen from the project's folder)."
)


@pytest.fixture
def office(db, record_url, tmp_path, monkeypatch):
    """An installation with one notebook."""
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    office.write(
        "raise SystemExit('must not run')", parameters="mode: str = ...  # how; one of: plan, book\ndays: int = 3"
    )
    return office


@pytest.fixture
def said(office, capsys):
    """Runs a command; gives exit code, output and errors."""

    def said(*arguments):
        code = command.main(list(arguments), office.folder)
        told = capsys.readouterr()
        return code, told.out, told.err

    return said


def test_whoever_reads_no_errors_holds_up_no_run_that_nobody_is_to_be_told_of(office):
    office.write("raise ValueError('no')")
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * 4096)
    try:
        with office.start("run", "small", errors=writing) as process:
            said, _ = process.communicate(timeout=60)
    finally:
        os.close(reading)
        os.close(writing)
    assert (process.returncode, said.splitlines()[-1]) == (1, "small: failed (exit code 1)")
    assert [row.outcome for row in office.rows()] == ["failed"]


def test_without_an_address_for_alerts_a_failed_run_says_how_to_set_one(office):
    office.write("raise ValueError('no')")
    _, _, errors = office.command("run", "small")
    assert errors.count("To fix: set OPS_EMAIL in .env") == 1


def test_a_mail_password_given_as_a_parameter_is_not_shown(said, office, monkeypatch):
    # So short that it may be a word, and the parameter is taken.
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "horse")
    office.write("print(1)", parameters="note: str = ''  # any", name="noted")
    code, out, _ = said("run", "--check", "noted", "note=my horse")
    assert (code, out) == (0, f"noted can be run with: note = 'my ***'\n{command._CHECKED}\n")


@pytest.mark.parametrize("word", ["--limit=correct-horse-battery", "--correct-horse-battery"])
def test_a_password_in_an_option_that_cannot_be_read_is_not_repeated(office, capsys, monkeypatch, word):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "correct-horse-battery")
    with pytest.raises(SystemExit) as ended:
        command.main(["history", word], office.folder)
    said = capsys.readouterr().err
    assert (ended.value.code, "horse" in said, "***" in said or "give a number" in said) == (2, False, True)


def test_the_history_is_told_though_a_setting_is_wrong(said, office, monkeypatch):
    monkeypatch.setenv("PORTAL_PORT", "eighty")
    assert said("run", "small", "mode=plan")[0] == 2
    code, out, err = said("history")
    assert (code, out.count("wrong_settings"), err.count("\n")) == (0, 1, 1)
    assert "PORTAL_PORT='eighty'" in err


def test_a_database_address_that_cannot_be_read_is_told_in_a_line_by_every_command(said, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p[x9Secret@h/n")
    assert said("list")[0] == 0
    for arguments in (["run", "small", "mode=plan"], ["history"], ["overdue"]):
        code, _, err = said(*arguments)
        assert (code, err.count("\n"), "Secret" in err) == (2, 1, False)


def test_a_check_starts_nothing_and_leaves_nothing(said, office):
    code, out, err = said("run", "--check", "small", "mode=plan", "days=7")
    assert (code, out, err) == (0, f"small can be run with: mode = 'plan', days = 7\n{command._CHECKED}\n", "")
    assert (office.files(), office.rows()) == ([], [])


def test_a_folder_that_was_deleted_under_the_command_does_not_matter(said, office, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    office.write("print(number)")
    assert said("run", "small")[0] == 0


def test_ctrl_c_before_a_run_is_begun_is_no_error_of_ours(said, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command.jobs, "names", interrupted)
    assert said("list") == (143, "", "notebooks: Stopped.\n")


def test_a_check_looks_for_files(said, office):
    office.write("1", parameters='rows_csv: str = "nowhere.csv"  # any')
    code, out, err = said("run", "--check", "small")
    assert (code, out) == (2, "")
    assert err == f"notebooks: [parameters.rows_csv] rows_csv: {MISSING}\n"


def test_a_run_whose_file_is_missing_ends_before_its_kernel_and_is_recorded(said, office):
    office.write("raise SystemExit('must not run')", parameters='rows_csv: str = "nowhere.csv"  # any')
    code, _, err = said("run", "small")
    assert (code, MISSING in err) == (2, True)
    assert [(row.outcome, row.exit_code) for row in office.rows()] == [("wrong_settings", 2)]
    assert office.files() == []


def test_a_run_whose_file_is_missing_is_busy_while_another_is_at_work(said, office):
    """Which may have had it until a moment ago."""
    office.write("1", parameters='rows_csv: str = "nowhere.csv"  # any')
    job_locks.take(office.db, job_runs.job_key("small", {"rows_csv": "nowhere.csv"}), "another")
    assert said("run", "small")[0] == 75


def test_each_line_of_what_is_wrong_says_whose_it_is(said, office):
    office.write("from notebooks.stopping import JobFailed", "raise JobFailed('one\\ntwo')", parameters="days: int = 3")
    code, _, err = said("run", "small")
    assert (code, err.splitlines()[:2]) == (1, ["notebooks: one", "notebooks: two"])


def test_a_parameter_in_capitals_is_known_and_another_is_told_what_there_is(said):
    assert "To fix: did you mean mode?" in said("run", "small", "MODE=plan")[2]
    assert "To fix: it takes mode, days." in said("run", "small", "mode=plan", "zzz=1")[2]


@pytest.mark.parametrize(
    "wrong",
    [
        ["run", "small", "--timeout", "abc"],
        ["describe"],
        ["nothing"],
        ["run", "--job", "x", "a=b"],
        ["list", "a\nb"],
        [],
    ],
)
def test_a_command_that_cannot_be_read_says_in_one_line_what_to_do(said, capsys, wrong):
    with pytest.raises(SystemExit) as ended:
        said(*wrong)
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n"), error[:11]) == (2, 1, "notebooks: ")
    assert ". To fix: see python -m notebooks" in error
    assert error.endswith(" --help.\n")


def test_a_notebook_in_capitals_and_a_parameter_with_dashes_are_told_as_they_are_written(said, capsys):
    assert "did you mean small?" in said("run", "SMALL")[2]
    with pytest.raises(SystemExit):
        said("run", "small", "--mode=plan")
    assert "a parameter is written without dashes: mode=plan" in capsys.readouterr().err


@pytest.mark.parametrize("check", [[], ["--check"]])
def test_wrong_parameters_are_all_told_and_exit_with_2(said, office, check):
    code, out, err = said("run", "small", "days=x", *check, "mod=plan")
    assert (code, out) == (2, "")
    assert [line.partition("]")[0] for line in err.splitlines()] == [
        "notebooks: [parameters.days", "notebooks: [parameters.mod", "notebooks: [parameters.mode",
    ]  # fmt: skip
    assert all("To fix: " in line for line in err.splitlines())
    assert (office.files(), office.rows()) == ([], [])


def test_wrong_settings_exit_with_2(said, monkeypatch):
    monkeypatch.setenv("PORTAL_PORT", "eighty")
    code, _, err = said("run", "small", "mode=plan", "--check")
    assert code == 2
    assert "PORTAL_PORT" in err


def test_an_unknown_notebook_is_told_with_the_nearest(said):
    code, _, err = said("run", "smal")
    assert (code, err) == (2, "notebooks: There is no notebook 'smal'. To fix: did you mean small?\n")


@pytest.mark.parametrize("name", ["../small", "small.ipynb", "", "/etc/passwd"])
def test_a_notebook_is_a_name_and_no_path(said, name):
    assert said("describe", name)[0] == 2


def test_a_job_that_runs_already_exits_with_75(said, office):
    job_locks.take(office.db, job_runs.job_key("small", {"days": 3, "mode": "plan"}), "another")
    code, _, err = said("run", "small", "mode=plan")
    assert code == 75
    assert "The same job runs already: another" in err
    assert "--wait" in err


def test_a_job_that_is_not_begun_leaves_no_process_and_no_folder(said, office, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "short"))
    (tmp_path / "short").mkdir()
    prepared = []
    monkeypatch.setattr(command, "PrivateKernel", lambda source: prepared.append(PrivateKernel(source)) or prepared[-1])
    job_locks.take(office.db, job_runs.job_key("small", {"days": 3, "mode": "plan"}), "another")
    assert said("run", "small", "mode=plan")[0] == 75
    assert said("run", "small", "mode=plan", "days=many")[0] == 2
    assert said("run", "small", "mode=plan", "--check")[0] == 0
    assert [is_alive(kernel.process.pid) for kernel in prepared] == [False]
    assert list((tmp_path / "short").iterdir()) == []


def test_a_stop_before_the_run_is_begun_leaves_nothing(office):
    stopped = """
import os, signal
from notebooks.runner.private_kernel import PrivateKernel
prepare = PrivateKernel.prepare
def stop(self):
    prepare(self)
    print(self.connection_file.parent, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
PrivateKernel.prepare = stop
"""
    with office.start("run", "small", "mode=plan", before=stopped) as process:
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, "notebooks: Stopped.\n")
    assert (Path(said.strip()).exists(), office.processes(), office.rows()) == (False, [], [])


def test_a_stop_after_the_run_has_ended_leaves_its_exit_code(office):
    office.write("1")
    stopped = """
import os, signal
from notebooks.runner.private_kernel import PrivateKernel
close = PrivateKernel.close
def late(self):
    is_closed = self._opened is None
    close(self)
    if is_closed:
        os.kill(os.getpid(), signal.SIGTERM)
PrivateKernel.close = late
"""
    with office.start("run", "small", before=stopped) as process:
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert (said.splitlines()[-1], office.rows()[0].outcome) == ("small: done (exit code 0)", "done")


def test_what_the_starter_had_blocked_is_heeded_by_the_kernel(office):
    office.write("import signal", "print(signal.pthread_sigmask(signal.SIG_BLOCK, []))")
    blocked = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])\n"
    with office.start("run", "small", before=blocked) as process:
        process.communicate(timeout=60)
    (row,) = office.rows()
    assert (row.outcome, outputs(office.runs / "small" / f"{row.name}.ipynb")) == ("done", "set()\n")


def test_a_refusal_that_is_broken_off_while_it_is_told_shows_nothing_of_it(said, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_shown", interrupt)
    assert said("run", "small", "mode=plan", "days=Zx9-Correct-Horse-77q") == (143, "", "notebooks: Stopped.\n")


def test_a_kernel_that_finds_no_room_is_told_by_the_run(said, office, monkeypatch):
    def refuse(_):
        raise OSError(errno.EMFILE, "full")

    monkeypatch.setattr(early_imports, "of_notebook", refuse)
    code, _, err = said("run", "small", "mode=plan")
    assert (code, "The machine has no room for the run" in err) == (1, True)
    assert [row.outcome for row in office.rows()] == ["failed"]


def test_the_list_has_a_line_a_notebook_also_beside_one_that_cannot_be_read(said, office):
    assert said("list") == (0, "small  Small\n", "")
    (office.folder / "spoilt.ipynb").write_text("half", encoding="utf-8")
    code, out, err = said("list")
    assert (code, out, err.count("\n")) == (2, "small  Small\n", 1)
    assert "spoilt.ipynb cannot be read as a notebook" in err


def test_a_description_tells_every_parameter_and_how_to_run_it(said):
    code, out, _ = said("describe", "small")
    assert code == 0
    assert "For a test." in out
    assert "  mode  one of these  (must be given)  how; one of: plan, book" in out
    assert "python -m notebooks run small mode=VALUE" in out


def ended(office, name, outcome, code, notebook="small", message=""):
    start = JobStart(name, notebook, "key", {"days": 3}, "cron", "ops", "here", 1, "v1")
    run_id = job_runs.begin(office.db, start)
    if outcome != "died":
        job_runs.finish(office.db, run_id, JobEnd(outcome, code, message))
    execute(office.db, "UPDATE job_run SET started_at = started_at - ?, heartbeat_at = heartbeat_at - ? WHERE id = ?",
            (100 - run_id, 0 if code is not None else 31, run_id))  # fmt: skip


def test_the_history_tells_how_runs_ended_the_newest_first(said, office):
    ended(office, "one", "done", 0)
    ended(office, "two", "failed", 1, message="Two rows are refused. To fix: correct them.\nand more")
    ended(office, "three", "died", None)
    code, out, _ = said("history")
    lines = [line.split()[:3] for line in out.splitlines()]
    assert (code, lines[0]) == (0, ["RUN", "NOTEBOOK", "OUTCOME"])
    assert [line[0] for line in lines[1:]] == ["three", "It", "two", "Two", "one"]
    assert [lines[place][2] for place in (1, 3, 5)] == ["died", "failed", "done"]
    assert (
        "      It was killed, or its machine went down. To fix: run it again; what is done is not done twice.\n" in out
    )


def test_the_history_is_told_to_programs_and_by_outcome(said, office):
    ended(office, "one", "done", 0)
    ended(office, "two", "failed", 1)
    found = json.loads(said("history", "small", "--json", "--outcome", "failed", "--outcome", "died")[1])
    assert [(row["name"], row["exit_code"], row["parameters"]) for row in found] == [("two", 1, {"days": 3})]
    assert found[0]["ended_at"].endswith("Z")
    assert said("history", "--outcome", "stopped")[1].startswith("No such run is recorded in ")


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "small", "--quick"], ["run", "small", "--wait", "soon"],
                                       ["run", "small", "--timeout", "-1"], ["run", "small", "--timeout", "0"],
                                       ["run", "small", "--cell-timeout", "0.0"], ["list", "x"], ["history", "--limit", "-1"],
                                       ["history", "--limit", "0"], ["history", "--limit", "1" * 5000],
                                       ["history", "--limit", "9" * 20], ["history", "--limit", "x"]])  # fmt: skip
def test_a_command_line_that_is_wrong_exits_with_2(said, arguments):
    with pytest.raises(SystemExit) as exited:
        said(*arguments)
    assert exited.value.code == 2


def test_a_run_whose_folder_cannot_be_used_is_in_the_record_and_tells_ops(said, office, monkeypatch):
    monkeypatch.setenv("OPS_EMAIL", "ops@example.com")
    monkeypatch.setenv("JOB_STARTED_BY", "cron")
    office.runs.write_text("a file", encoding="utf-8")
    code, out, err = said("run", "small", "mode=plan")
    [row] = office.rows()
    assert (code, out, err) == (2, "small: wrong_settings (exit code 2)\n", f"notebooks: {row.message}\n")
    assert (row.outcome, row.exit_code, row.artefacts, row.started_by) == ("wrong_settings", 2, {}, "cron")
    assert f"The folder {office.runs / 'small'} for executed notebooks cannot be used" in row.message
    assert "To fix: " in row.message
    assert alerts.mail_of(office.db, alerts.key_of(row.name)).state == "sent"
    assert fetch(office.db, "SELECT count(*) FROM job_lock") == [(0,)]


def test_a_runs_folder_of_nobody_is_in_the_record_too(said, office, monkeypatch):
    monkeypatch.setenv("RUNS_FOLDER", "~nobody-of-this-name/runs")
    assert said("run", "small", "mode=plan")[0] == 2
    assert "There is no home folder ~nobody-of-this-name" in office.rows()[0].message


def test_a_command_whose_words_cannot_be_printed_has_failed(office):
    full = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
    with office.start("list", before=full) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.count("\n")) == (1, 1)


def test_a_run_that_was_refused_keeps_its_exit_code_where_nothing_can_be_printed(office):
    office.runs.write_text("a file", encoding="utf-8")
    full = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
    with office.start("run", "small", "mode=plan", before=full) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.count("notebooks: "), "Traceback" in errors) == (2, 3, False)


def test_a_refusal_shows_a_terminal_no_signs_that_it_obeys(said):
    code, _, err = said("run", "--job", "small", "--schedule", "\x1b[31mred.toml")
    assert code == 2
    assert "\\x1b[31mred.toml" in err


def test_the_command_works_from_any_folder(office):
    assert office.command("list") == (0, "small  Small\n", "")
