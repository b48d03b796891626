"""The portal's processes: ready together, replaced when one dies, and all gone at the end, however it comes."""

import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import psutil
import pytest
from waiting import wait_until

from store.places import ROOT

WORK = """
import logging, os, select, signal, sys, time
import portal_processes
portal_processes.PAUSES, portal_processes.STOP_SECONDS = (0.2, 0.8), 0.5
logging.basicConfig(format="%(message)s")

def work(is_ready, lives):
    {start}
    is_ready()
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    os.write(1, b"child\\n")
    {meanwhile}
    select.select([lives], [], [])
    return 0

sys.exit(portal_processes.Crew(work, {count}).run(lambda: os.write(1, b"READY\\n"), {until}))
"""


@contextmanager
def crew(count=2, start="pass", meanwhile="pass", until=None):
    """A parent with children that do nothing until they are told to end; none of them outlives the block."""
    code = WORK.format(count=count, start=start, meanwhile=meanwhile, until=until)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True, **pipes)
    watched = psutil.Process(process.pid)
    try:
        yield process, watched
    finally:
        for one in [*(watched.children() if process.poll() is None else []), process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.communicate()


def said(process, lines):
    """The next lines of what parent and children say, in any order."""
    return sorted(process.stdout.readline().strip() for _ in range(lines))


def test_the_parent_is_ready_once_when_all_children_are():
    slowly = "time.sleep(os.getpid() % 3 / 5); os.write(1, b'starts\\n')"
    with crew(count=3, start=slowly) as (process, watched):
        lines = [process.stdout.readline().strip() for _ in range(7)]
        assert sorted(lines) == ["READY", *["child"] * 3, *["starts"] * 3]
        assert "starts" not in lines[lines.index("READY") :]
        process.terminate()
        assert process.communicate(timeout=30) == ("", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_parent_ends_all(number):
    with crew() as (process, watched):
        said(process, 3)
        children = watched.children()
        process.send_signal(number)
        assert process.wait(20) == 0
        assert not any(child.is_running() for child in children)


def test_the_end_of_the_descriptor_ends_all():
    with crew(until=0) as (process, watched):
        said(process, 3)
        process.stdin.close()
        process.stdin = None
        assert process.wait(20) == 0


def test_children_end_with_a_parent_that_was_killed():
    with crew() as (process, watched):
        said(process, 3)
        children = watched.children()
        process.kill()
        wait_until(lambda: not any(child.is_running() and child.status() != "zombie" for child in children))


def test_a_child_that_dies_is_replaced_after_a_pause_and_leaves_a_line_and_no_zombie():
    with crew() as (process, watched):
        said(process, 3)
        victim, other = watched.children()
        victim.kill()
        assert said(process, 1) == ["child"]
        assert other in watched.children()
        assert victim not in watched.children()
        process.terminate()
        out, errors = process.communicate(timeout=30)
        assert (out, errors) == (
            "", f"process {victim.pid} ended with signal 9; another takes its place in 0.2 seconds.\n"
        )  # fmt: skip


def test_children_that_die_again_and_again_are_given_longer_pauses():
    with crew(count=1, meanwhile="os._exit(3)") as (process, watched):
        said(process, 6)
        process.terminate()
        pauses = [line.split()[-2] for line in process.communicate(timeout=30)[1].splitlines()]
        assert pauses[:4] == ["0.2", "0.4", "0.8", "0.8"]


def test_a_child_that_cannot_start_ends_all_with_its_exit_code():
    with crew(start="os.getppid() and os._exit(7)") as (process, watched):
        assert process.wait(20) == 7
        assert "READY" not in process.stdout.read()


def test_an_error_of_a_child_is_shown_and_ends_only_the_child():
    with crew(count=1, meanwhile="raise RuntimeError('broken')") as (process, watched):
        assert said(process, 3) == ["READY", "child", "child"]
        process.terminate()
        errors = process.communicate(timeout=30)[1]
        assert "RuntimeError: broken" in errors
        assert "ended with exit code 1" in errors


def test_a_child_that_does_not_end_is_killed():
    with crew(count=1, meanwhile="signal.signal(signal.SIGTERM, signal.SIG_IGN); os.write(1, b'stubborn\\n')") as (
        process,
        watched,
    ):
        said(process, 3)
        child = watched.children()[0]
        process.terminate()
        assert process.wait(20) == 0
        assert not child.is_running()
