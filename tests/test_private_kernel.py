"""A run's kernel is its own: what it is given, who may reach it, and that it ends with its runner at once."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from job_office import JobOffice, is_alive, outputs
from waiting import wait_until

from notebooks import jobs
from notebooks.runner import offspring, private_kernel
from notebooks.runner.private_kernel import PrivateKernel
from store import places

HOLD = """
import sys
from notebooks.runner.private_kernel import PrivateKernel
with PrivateKernel() as kernel:
    print(kernel.process.pid, flush=True)
    sys.stdin.read()
"""


PREPARE = """
import sys
from notebooks.runner.private_kernel import PrivateKernel
kernel = PrivateKernel()
kernel.prepare()
print(kernel.process.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def record_url(sqlite_url):
    """One engine is enough here: it is about the kernel."""
    return sqlite_url


def test_a_kernel_takes_itself_for_no_lab_s_and_leaves_its_temporary_files_to_nobody(
    db, record_url, tmp_path, monkeypatch
):
    monkeypatch.setenv("JPY_SESSION_NAME", "somebody's notebook")
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    office.write("import os, tempfile", "print('JPY_SESSION_NAME' in os.environ, tempfile.mkstemp()[1])")
    seen, made = outputs(office.run().files.notebook).split()
    assert (seen, Path(made).exists()) == ("False", False)


def test_a_kernel_looks_for_modules_where_it_always_does_and_collects_garbage(db, record_url, tmp_path, monkeypatch):
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    office.write("import gc, sys", "print(gc.isenabled(), [path for path in sys.path if path.endswith('/runner')])")
    assert outputs(office.run().files.notebook) == "True []\n"


def test_the_key_of_a_kernel_can_be_read_by_its_user_alone():
    before = os.umask(0)
    try:
        with PrivateKernel() as kernel:
            modes = [
                stat.S_IMODE(path.stat().st_mode) for path in (kernel.connection_file, kernel.connection_file.parent)
            ]
    finally:
        os.umask(before)
    assert modes == [0o600, 0o700]


def test_a_user_without_a_home_to_write_to_is_told_nothing_of_it(db, record_url, tmp_path, monkeypatch):
    real, home = os.access, os.path.expanduser("~")
    monkeypatch.setattr(os, "access", lambda path, mode: path != home and real(path, mode))
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    office.write("import os, IPython.paths", "print(IPython.paths.get_ipython_dir() == os.environ['IPYTHONDIR'])")
    result = office.run()
    assert outputs(result.files.notebook) == "True\n"


def test_a_sigterm_to_the_kernel_stops_the_run_in_order(db, record_url, tmp_path, monkeypatch):
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    office.write("""
        import os, signal, time
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            print("put away")
    """)
    result = office.run()
    assert (result.outcome, result.exit_code) == ("stopped", 143)
    assert "put away" in outputs(result.files.notebook)


def test_what_a_cell_forked_can_be_ended_by_sigterm_and_the_run_goes_on(db, record_url, tmp_path, monkeypatch):
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    office.write("""
        import hashlib, multiprocessing, time
        # Minutes of C code, which no handler in Python interrupts.
        work = ("sha256", b"a", b"b", 300_000_000)
        child = multiprocessing.get_context("fork").Process(target=hashlib.pbkdf2_hmac, args=work)
        child.start()
        time.sleep(0.2)
        child.terminate()
        child.join(20)
        print(child.exitcode)
    """)
    result = office.run()
    assert (result.outcome, outputs(result.files.notebook)) == ("done", "-15\n")


def test_a_process_whose_preparation_fails_later_ends_by_itself(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(private_kernel, "leave_mark", refuse)
    kernel = PrivateKernel()
    with pytest.raises(OSError, match="full"):
        kernel.prepare()
    assert kernel.process.wait(30) == 0


def test_a_process_that_cannot_be_ended_is_not_ended_a_second_time_over_how_the_run_ended(monkeypatch):
    kernel = PrivateKernel()
    kernel.prepare()

    def refuse(_):
        raise OSError(errno.EMFILE, "full")

    monkeypatch.setattr(offspring, "end_all", refuse)
    with pytest.raises(OSError, match="full"):
        kernel.close()
    kernel.close()
    assert not kernel.connection_file.parent.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has imported is told by Linux")
def test_a_prepared_process_has_imported_but_is_no_kernel_until_the_block_begins(tmp_path):
    kernel = PrivateKernel(jobs.FOLDER / "booking_batch.ipynb")
    kernel.prepare()
    try:
        about = Path(f"/proc/{kernel.process.pid}")
        wait_until(lambda: all(name in (about / "maps").read_text() for name in ("ft2font", "zmq")))
        # It would be one within a tenth of that.
        time.sleep(1)
        assert sockets(kernel) == []
        with kernel:
            wait_until(lambda: sockets(kernel))
            assert os.readlink(about / "fd" / "0") == os.devnull
        assert not is_alive(kernel.process.pid)
    finally:
        kernel.close()


def sockets(kernel: PrivateKernel) -> list[Path]:
    return [path for path in kernel.connection_file.parent.iterdir() if path.is_socket()]


def test_a_prepared_process_ends_with_its_killed_runner():
    command = [sys.executable, "-c", PREPARE]
    with subprocess.Popen(command, cwd=places.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as runner:
        number = int(runner.stdout.readline())
        runner.kill()
    wait_until(lambda: not is_alive(number))


def test_a_process_that_was_prepared_for_no_run_leaves_nothing():
    kernel = PrivateKernel()
    kernel.prepare()
    folder = kernel.connection_file.parent
    kernel.close()
    assert (is_alive(kernel.process.pid), folder.exists()) == (False, False)
    kernel.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with the one that started it")
def test_a_kernel_ends_with_its_killed_runner_though_it_cannot_look_after_it_itself():
    runner = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=places.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with runner:
        kernel = int(runner.stdout.readline())
        try:
            # It has come past its first lines. A stopped process looks after nothing.
            wait_until(lambda: "zmq" in Path(f"/proc/{kernel}/maps").read_text())
            os.kill(kernel, signal.SIGSTOP)
            runner.kill()
            wait_until(lambda: not is_alive(kernel))
        finally:
            if is_alive(kernel):
                os.kill(kernel, signal.SIGKILL)
