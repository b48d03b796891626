"""The debug log: one file a run, one event a line, redacted; and the summary that is read back from it."""

import logging
import re
import threading
from pathlib import Path

import pytest

from store import debuglog
from store.errors import StoreError

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO DEBUG: ")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs" / "run.log"


def write(path, *lines):
    with debuglog.writing_to(path):
        for line in lines:
            logging.getLogger("mailer.worker").info("%s", line)


def test_lines_of_every_part_of_the_toolkit_are_in_the_file_at_once(path):
    with debuglog.writing_to(path):
        for name in ("store.booking", "mailer.worker", "notebooks", "portal"):
            logging.getLogger(name).info("DEBUG: from %s", name)
            assert path.read_text().splitlines()[-1].endswith(f"DEBUG: from {name}")
        logging.getLogger("elsewhere").warning("not ours")
    assert all(LINE.match(line) for line in path.read_text().splitlines())
    assert len(path.read_text().splitlines()) == 4


def test_after_the_run_nothing_more_is_written_and_levels_are_as_before(path):
    before = [logging.getLogger(name).level for name in debuglog.LOGGERS]
    write(path, "DEBUG: one")
    logging.getLogger("store").warning("DEBUG: two")
    assert len(path.read_text().splitlines()) == 1
    assert [logging.getLogger(name).level for name in debuglog.LOGGERS] == before


def test_a_booking_writes_the_flows_first_two_lines_without_the_address(desk, request_of, path):
    with debuglog.writing_to(path):
        desk.book(request_of())
    first, second = path.read_text().splitlines()
    assert "Z INFO DEBUG: book_slot called for slot 1 (interview 1)" in first
    assert "Z INFO DEBUG: Request data: interview=1 candidate=a***@example.com" in second
    assert "asha@example.com" not in path.read_text()


def test_one_event_is_one_line_even_if_its_text_is_not(path, monkeypatch):
    # Kept from pytest's own capture, which cannot pass half a character on between processes.
    monkeypatch.setattr(logging.getLogger("mailer"), "propagate", False)
    write(path, "DEBUG: a\nb", "[EMAIL FAILED] c\r\nd \ud800")
    assert [line[26:] for line in path.read_text().splitlines()] == ["DEBUG: a\\nb", "[EMAIL FAILED] c\\r\\nd \\ud800"]


def test_a_file_where_a_folder_should_be_is_one_clear_line(tmp_path):
    (tmp_path / "logs").write_text("")
    with (
        pytest.raises(StoreError, match=r"The log .* cannot be written: ") as caught,
        debuglog.writing_to(tmp_path / "logs" / "run.log"),
    ):
        pytest.fail("the block must not run")
    assert caught.value.fix


def numbers(path):
    return [int(line.rpartition(" ")[2]) for line in path.read_text().splitlines()]


def test_the_newest_log_gets_the_lines_and_the_one_before_goes_on_after_it(path, tmp_path):
    log = logging.getLogger("store")
    with debuglog.writing_to(path):
        log.info("DEBUG: 1")
        with debuglog.writing_to(tmp_path / "inner.log"):
            log.info("DEBUG: 2")
        log.info("DEBUG: 3")
    assert (numbers(path), numbers(tmp_path / "inner.log")) == ([1, 3], [2])


def test_logs_may_be_closed_in_any_order(path, tmp_path):
    before = [logging.getLogger(name).level for name in debuglog.LOGGERS]
    log = logging.getLogger("store")
    first, second = debuglog.writing_to(path), debuglog.writing_to(tmp_path / "second.log")
    first.__enter__(), second.__enter__()
    first.__exit__(None, None, None)
    log.info("DEBUG: 1")
    second.__exit__(None, None, None)
    log.info("DEBUG: 2")
    assert (numbers(path), numbers(tmp_path / "second.log")) == ([], [1])
    assert [logging.getLogger(name).level for name in debuglog.LOGGERS] == before


def test_no_line_of_a_thread_is_lost_or_doubled_while_logs_are_opened_and_closed(tmp_path):
    many, threads = 4_000, 4
    begun = threading.Barrier(threads + 1)

    def talk(own):
        begun.wait()
        for number in range(many):
            logging.getLogger("mailer.worker").info("DEBUG: %d", own * many + number)

    talkers = [threading.Thread(target=talk, args=(own,)) for own in range(threads)]
    with debuglog.writing_to(tmp_path / "outer.log"):
        [talker.start() for talker in talkers]
        begun.wait()
        logs = 0
        while any(talker.is_alive() for talker in talkers):
            logs += 1
            with debuglog.writing_to(tmp_path / f"{logs}.log"):
                pass
        [talker.join() for talker in talkers]
    assert logs > 10
    assert sorted(number for path in tmp_path.iterdir() for number in numbers(path)) == list(range(threads * many))


def test_a_line_that_comes_to_a_log_just_closed_goes_to_the_open_one(path, tmp_path):
    closed = debuglog.LogFile(tmp_path / "closed.log")
    closed.close()
    with debuglog.writing_to(path):
        closed.handle(logging.makeLogRecord({"msg": "DEBUG: 1"}))
    closed.handle(logging.makeLogRecord({"msg": "DEBUG: 2"}))
    assert (numbers(path), numbers(tmp_path / "closed.log")) == ([1], [])


def test_a_line_that_cannot_be_made_is_told_by_its_place_and_the_work_goes_on(path, capsys, monkeypatch):
    # Kept from pytest's own capture, which raises what a log must not.
    monkeypatch.setattr(logging.getLogger("store"), "propagate", False)
    with debuglog.writing_to(path):
        logging.getLogger("store").info("DEBUG: %d of %d", "hunter2hunter2")
        logging.getLogger("store").info("DEBUG: next")
    bad, following = path.read_text().splitlines()
    assert re.search(r" ERROR DEBUG: a line of test_debuglog\.py:\d+ cannot be shown: TypeError$", bad)
    assert following.endswith("DEBUG: next")
    assert "hunter2" not in path.read_text() + "".join(capsys.readouterr())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told_once_with_its_fix_and_the_work_goes_on(capsys):
    with debuglog.writing_to(Path("/dev/full")):
        for number in range(3):
            logging.getLogger("store").info("DEBUG: %d", number)
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith("The log /dev/full lacks lines: No space left on device. To fix: ")


def test_a_follower_gets_each_line_as_the_file_has_it(path):
    got = []
    with debuglog.writing_to(path, lambda level, line: got.append((level, line))):
        logging.getLogger("store").info("DEBUG: to asha@example.com")
        logging.getLogger("store").error("[EMAIL FAILED] a\nb")
    assert [level for level, _ in got] == [logging.INFO, logging.ERROR]
    assert [line for _, line in got] == path.read_text().splitlines()
    assert "asha@" not in str(got)


def test_the_summary_counts_tags_and_keeps_failures_first_and_last_lines(path):
    write(
        path, *(f"DEBUG: {n}" for n in range(20)), "[SUCCESS] sent", "[EMAIL NOT SENT] a", "[EMAIL UNKNOWN] b", "plain"
    )
    found = debuglog.summary(path, shown=2)
    assert (found.lines, dict(found.by_tag)) == (
        24, {"DEBUG:": 20, "[SUCCESS]": 1, "[EMAIL NOT SENT]": 1, "[EMAIL UNKNOWN]": 1, "other": 1},
    )  # fmt: skip
    assert [line[26:] for line in found.failures] == ["[EMAIL NOT SENT] a", "[EMAIL UNKNOWN] b"]
    assert [line[26:] for line in (*found.first, *found.last)] == ["DEBUG: 0", "DEBUG: 1", "[EMAIL UNKNOWN] b", "plain"]


def test_the_summary_keeps_only_so_many_failures_but_counts_them_all(path):
    write(path, *("[EMAIL FAILED] x" for _ in range(9)))
    found = debuglog.summary(path, kept=3)
    assert (len(found.failures), found.by_tag["[EMAIL FAILED]"]) == (3, 9)
