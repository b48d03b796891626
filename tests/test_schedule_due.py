"""When a job is due: zones with and without summer time, and that cron, systemd and the runner mean the same times."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from conftest import need

from notebooks.schedule import due, spans
from notebooks.schedule.calendar_events import events

INDIA, BERLIN = "Asia/Kolkata", "Europe/Berlin"
NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
EXPRESSIONS = ["30 7 * * 1-5", "0 5 * * *", "*/15 * * * *", "5,35 8-10 * * *", "0 8 1 * *", "0 8 * 2 1", "15 9 13 * 5",
               "0 10 */2 * 0", "0 12 * * sun", "7 * * * 6-7", "45 23 31 12 *"]  # fmt: skip


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_a_time_in_india_is_five_and_a_half_hours_earlier_in_utc():
    coming = list(islice(due.following("30 7 * * 1-5", INDIA, NOW), 2))
    assert coming == [at("2026-11-30 02:00"), at("2026-12-01 02:00")]
    assert all(moment.tzinfo is UTC for moment in coming)


def test_a_weekday_is_the_zones_and_not_utcs():
    # Monday 02:00 in India is Sunday in UTC.
    assert due.last("0 2 * * 1", INDIA, NOW) == at("2026-11-22 20:30")


@pytest.mark.parametrize(("until", "expected"), [
    ("2026-11-30 02:00:00", "2026-11-30 02:00"), ("2026-11-30 01:59:59.999999", "2026-11-27 02:00"),
    ("2026-11-30 02:00:00.000001", "2026-11-30 02:00"),
])  # fmt: skip
def test_one_microsecond_decides_what_the_last_time_was(until, expected):
    assert due.last("30 7 * * 1-5", INDIA, at(until)) == at(expected)


def test_a_time_of_day_keeps_its_place_on_the_clock_when_summer_time_begins_and_ends():
    for first in ("2027-03-27", "2027-10-30"):
        start = at(f"{first} 00:00", BERLIN)
        local = [
            moment.astimezone(ZoneInfo(BERLIN)) for moment in islice(due.following("30 7 * * *", BERLIN, start), 3)
        ]
        assert {(moment.hour, moment.minute) for moment in local} == {(7, 30)}
        assert len({moment.utcoffset() for moment in local}) == 2


def test_a_job_of_every_quarter_of_an_hour_has_no_gap_and_no_double_time_when_the_clocks_change():
    for night in ("2027-03-28", "2027-10-31"):
        found = list(islice(due.following("*/15 * * * *", BERLIN, at(f"{night} 00:00", BERLIN)), 20))
        assert {after - before for before, after in zip(found, found[1:], strict=False)} == {timedelta(minutes=15)}


@pytest.mark.parametrize("zone", [INDIA, BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("cron", EXPRESSIONS)
def test_looking_back_finds_what_looking_ahead_found(cron, zone):
    for moment in islice(due.following(cron, zone, at("2027-03-26 12:00")), 12):
        assert due.last(cron, zone, moment) == moment
        assert due.last(cron, zone, moment - timedelta(seconds=1)) < moment


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 2,12 * * 0", "15-45/15 2 28 3 *", "*/30 2 * * *", "* 2 * * *",
                                  "0 */2 * * *", "59 1-3 * * *", "0 0-23 * * *"])  # fmt: skip
def test_a_time_that_the_clocks_skip_is_refused_in_that_zone_only(cron):
    assert "does not exist in Europe/Berlin" in due.unclear(cron, BERLIN, NOW)
    assert due.unclear(cron, INDIA, NOW) == due.unclear(cron, "UTC", NOW) == ""


def test_a_time_that_the_clocks_show_twice_is_refused():
    assert "exists twice in America/New_York" in due.unclear("30 1 * * 0", "America/New_York", NOW)
    assert "exists twice in America/New_York" in due.unclear("*/5 1 * * *", "America/New_York", NOW)
    assert due.unclear("30 1 * * 3", "America/New_York", NOW) == ""


@pytest.mark.parametrize(
    "cron", [*EXPRESSIONS, "* * * * *", "0 */1 * * *", "*/10 0-23 * * *", "0 */3 * * *", "*/5 3-23 * * *"]
)
def test_expressions_of_every_hour_or_of_other_hours_than_those_are_fine(cron):
    assert due.trouble(cron) == due.unclear(cron, BERLIN, NOW) == ""


@pytest.mark.parametrize("cron", ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "0 0 0 * *", "0 0 30 2 *",
                                  "0 0 L * *", "0 0 * * 5#2", "@daily", "1-0 * * * *", "*/0 * * * *", "0 7 * * mo",
                                  "0 7 * * mon,", "٣ * * * *"])  # fmt: skip
def test_what_is_no_expression_of_five_fields_is_refused(cron):
    assert due.trouble(cron)


@pytest.mark.parametrize("machine", ["UTC", INDIA, "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", BERLIN])
@pytest.mark.parametrize("zone", [INDIA, BERLIN, "Asia/Kathmandu"])
def test_crons_quarters_hold_every_due_minute_on_a_machine_in_any_zone(zone, machine):
    asked = {int(minute) for minute in due.quarters("7,40 9-17 * * 1-5").split(",")}
    assert len(asked) == 8
    found = islice(due.following("7,40 9-17 * * 1-5", zone, at("2027-03-25 00:00")), 200)
    assert {moment.astimezone(ZoneInfo(machine)).minute for moment in found} <= asked


def test_crons_minutes_are_written_short():
    assert (due.quarters("0 5 * * *"), due.quarters("* * * * *")) == ("0,15,30,45", "*")


@pytest.mark.parametrize(("text", "seconds"), [("45m", 2700), ("1h30m", 5400), ("90s", 90), ("2h", 7200), ("0s", 0)])
def test_lengths_of_time_are_read_and_told(text, seconds):
    assert spans.seconds(text) == seconds
    assert spans.seconds(spans.text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "45", "m", "45 m", "1m1h", "-5m", "1.5h", "1d", "45m\n", "٤m"])
def test_other_lengths_are_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        spans.seconds(text)


def elapses(event, start, count):
    """The next times of a calendar event as systemd itself counts them."""
    program = shutil.which("systemd-analyze")
    need(program, "no systemd-analyze on this machine (apt install systemd)")
    base = f"--base-time={start:%Y-%m-%d %H:%M:%S} UTC"
    done = subprocess.run([program, "calendar", f"--iterations={count}", base, event], capture_output=True, text=True,
                          env={"TZ": "UTC"}, timeout=30, check=True)  # fmt: skip
    found = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", done.stdout)
    return [at(text) for text in found]


@pytest.mark.parametrize("zone", [INDIA, BERLIN])
@pytest.mark.parametrize("cron", EXPRESSIONS)
def test_systemd_counts_the_same_times(cron, zone):
    start, count = at("2027-03-26 12:00"), 12
    found = sorted({moment for event in events(cron, zone) for moment in elapses(event, start, count)})
    assert found[:count] == list(islice(due.following(cron, zone, start), count))


def test_an_hourly_job_is_due_in_the_repeated_hour_too():
    second = datetime(2026, 10, 25, 1, 0, 5, tzinfo=UTC)
    assert due.last("0 * * * *", "Europe/Berlin", second) == datetime(2026, 10, 25, 1, tzinfo=UTC)
