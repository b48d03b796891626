"""What a kernel started ends with it, wherever it went, and nobody else's processes do."""

import os
import resource
import subprocess

import pytest
from job_office import is_alive
from waiting import wait_until

from notebooks.runner import offspring

DAEMON = "read begin; env -i setsid sh -c 'sleep 60 & echo $! $$; wait' 2>&1 & wait"


@pytest.fixture
def started():
    """Starts a shell that, marked or not, starts a process without environment in a session of its own; gives all three."""
    shells = []

    def started(is_marked=True):
        shell = subprocess.Popen(["sh", "-c", DAEMON], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        shells.append(shell)
        mark = offspring.mark(shell.pid) if is_marked else None
        shell.stdin.write("\n")
        shell.stdin.flush()
        return mark, shell, [int(number) for number in shell.stdout.readline().split()]

    yield started
    for shell in shells:
        shell.kill()
        shell.communicate(timeout=20)


def test_a_daemon_without_environment_parent_and_session_is_ended(started):
    mark, shell, daemons = started()
    shell.kill()
    shell.wait()
    assert all(map(is_alive, daemons))
    offspring.end_all(mark)
    assert not any(map(is_alive, daemons))


def test_what_another_run_or_nobody_here_started_lives_on(started):
    mark, _, mine = started()
    others = [started()[2], started(is_marked=False)[2]]
    offspring.end_all(mark)
    assert [list(map(is_alive, numbers)) for numbers in (mine, *others)] == [[False] * 2, [True] * 2, [True] * 2]
    for numbers in others:
        os.kill(numbers[0], 9)


def test_an_entry_that_nobody_waits_for_keeps_nobody_waiting(monkeypatch, caplog):
    process = subprocess.Popen(["sleep", "60"])
    mark = offspring.mark(process.pid)
    offspring.end_all(mark)
    offspring.end_all(mark)
    assert process.wait(timeout=20) == -9
    assert caplog.records == []


def test_a_mark_fits_below_the_limit_that_there_is():
    given = 1 << 50
    shell = "read wait"
    process = subprocess.Popen(["sh", "-c", shell], stdin=subprocess.PIPE)
    resource.prlimit(process.pid, resource.RLIMIT_RTTIME, (given, given))
    assert given // 2 <= offspring.mark(process.pid) < given
    resource.prlimit(process.pid, resource.RLIMIT_RTTIME, (1000, 1000))
    assert offspring.mark(process.pid) is None
    process.communicate(timeout=20)
    wait_until(lambda: not is_alive(process.pid))
