"""Who or what started a run."""

import os
import pty
import re
import subprocess
import sys

import pytest

from notebooks.runner import starter
from store import places

TELL = "from notebooks.runner.starter import starter; print(starter().started_by)"


def told(environment, *before):
    """What a process that is started like this tells, without a terminal."""
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(places.ROOT), **environment}
    done = subprocess.run([*before, sys.executable, "-c", TELL], env=given, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, check=True)  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"JOB_STARTED_BY": " nightly booking "}, "nightly booking"),
        ({"AIRFLOW_CTX_DAG_ID": "interviews", "AIRFLOW_CTX_TASK_ID": "book"}, "airflow interviews/book"),
        ({"INVOCATION_ID": "abc", "SYSTEMD_EXEC_PID": "1"}, "program"),
        ({}, "program"),
    ],
)
def test_the_environment_tells_the_scheduler(environment, name):
    assert told(environment) == name


def test_systemd_is_told_by_the_process_it_started():
    assert told({"INVOCATION_ID": "abc", "SYSTEMD_EXEC_PID": str(os.getpid())}) == "systemd"


def test_where_nothing_is_above_a_run_as_first_in_a_container_that_is_no_fault(monkeypatch):
    monkeypatch.setattr(os, "getppid", lambda: 0)
    assert starter.starter({"INVOCATION_ID": "abc", "SYSTEMD_EXEC_PID": "5"}).started_by in ("program", "terminal")


def test_cron_is_told_by_the_processes_above(tmp_path):
    cron = tmp_path / "cron"
    cron.write_text('#!/bin/bash\n"$@"\nexit $?\n')
    cron.chmod(0o755)
    assert told({}, str(cron)) == "cron"


def test_a_terminal_is_told_by_stderr_where_the_output_goes_into_a_file():
    above, below = pty.openpty()
    with os.fdopen(below, "w") as terminal:
        command = [sys.executable, "-c", TELL]
        given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(places.ROOT)}
        done = subprocess.run(command, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=terminal,
                              text=True, timeout=30, check=True)  # fmt: skip
    os.close(above)
    assert done.stdout.strip() == "terminal"


def test_the_code_of_another_owner_has_its_version_too(monkeypatch, tmp_path):
    who = ["-c", "user.name=any", "-c", "user.email=any@example.com"]
    for command in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, timeout=30)
    # What git's own tests have it take every folder for another user's by.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setattr(places, "ROOT", tmp_path)
    assert re.fullmatch("[0-9a-f]{7,40}", starter.code_version())


def test_the_code_has_a_version_with_git_and_without_it(monkeypatch, tmp_path):
    assert starter.code_version()
    monkeypatch.setattr(places, "ROOT", tmp_path)
    assert starter.code_version().count(".") == 2
