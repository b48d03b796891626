"""What commands say where stdout or stderr cannot be written, with real full devices and closed pipes."""

import signal
import subprocess
import sys

import pytest

from notebooks import printing
from store import places

FULL = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), {number})\n"
SAY = "from notebooks import printing\nsaid = printing.say({text!r}), printing.say('more')\n"
CODE = "import sys\nsys.exit(3 if said == ({first}, True) else 4)"


def ran(before, text="x", first=False, shell=""):
    """Says it in a process of its own; gives exit code, output and errors."""
    command = [sys.executable, "-c", before + SAY.format(text=text) + CODE.format(first=first)]
    if shell:
        command = ["bash", "-c", shell, "bash", *command]
    done = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("text", ["short", "x" * 100_000])
def test_a_full_disk_under_stdout_is_one_line_on_stderr_and_changes_no_exit_code(text):
    code, _, errors = ran(FULL.format(number=1), text)
    assert (code, errors.count("\n")) == (3, 1)
    assert errors.startswith("notebooks: what there is to say cannot be printed (No space left on device). To fix: ")


def test_nobody_is_told_of_a_pipe_whose_reader_has_what_was_wanted():
    code, _, errors = ran("", "x" * 100_000, shell='"$@" | true; exit ${PIPESTATUS[0]}')
    assert (code, errors) == (4, "")
    said = "import sys\nfrom notebooks import printing\nsys.exit(not printing.say('x' * 100_000))\n"
    shell = ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", sys.executable, "-c", said]
    assert subprocess.run(shell, cwd=places.ROOT, capture_output=True, timeout=60, check=True).stderr == b""


@pytest.mark.parametrize("redirected", [">/dev/full 2>&1", ">&- 2>&-"])
def test_nothing_fails_where_neither_can_be_written(redirected):
    first = redirected.startswith(">&-")
    assert ran("", first=first, shell=f'"$@" {redirected}') == (3, "", "")


def test_a_sign_that_stdout_does_not_know_is_written_as_its_code(monkeypatch):
    with open("/dev/null", "w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert printing.say("\u0905 \udcff")


def test_what_is_for_a_closed_stderr_does_not_land_among_the_output():
    code = "from notebooks import printing\nprinting.complain('trouble')\nprinting.say('said')\n"
    command = ["bash", "-c", '"$@" 2>&-', "bash", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "said\n"


def test_a_pipe_that_nobody_reads_is_waited_for_a_little_and_then_no_more():
    code = (
        "import fcntl, os, sys, time\nfrom notebooks import printing\nprinting.SECONDS = 0.5\n"
        "fcntl.fcntl(1, 1031, 4096)\nos.write(1, b'x' * 4096)\n"
        "printing.leave(3 if (printing.say('said'), printing.say('more')) == (False, False) else 4)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=places.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.wait(timeout=30) == 3
        assert b"nobody has read it for" in run.stderr.read()


def test_a_line_that_no_log_takes_is_not_waited_for_either():
    code = (
        "import logging, os\nfrom notebooks import printing\nprinting.SECONDS = 0.5\n"
        "logging.lastResort = printing.LastResort(logging.WARNING)\nlog = logging.getLogger('any')\nlog.warning('seen')\n"
        "os.set_blocking(2, False)\ntry:\n  while True: os.write(2, b'x')\nexcept BlockingIOError: os.set_blocking(2, True)\n"
        "log.warning('not seen')\nprinting.leave(3)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=places.ROOT, stderr=subprocess.PIPE) as run:
        assert run.wait(timeout=30) == 3
        assert run.stderr.read().startswith(b"seen\nxxx")


def test_a_signal_after_the_end_changes_no_exit_code():
    code = "import time\nfrom notebooks import printing\nimport logging\n"
    code += "logging.shutdown = lambda: (print('leaves', flush=True), time.sleep(1))\nprinting.leave(1)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=places.ROOT, stdout=subprocess.PIPE) as run:
        assert run.stdout.readline() == b"leaves\n"
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            run.send_signal(number)
        assert run.wait(timeout=30) == 1
