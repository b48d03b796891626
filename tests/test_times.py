"""Time and zones: readings of local times, summer time, offsets, and the words for people."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import times
from store.errors import TimeRefused

INSTANT = datetime(2026, 11, 30, 7, 20, tzinfo=UTC)
BERLIN_FORWARD, BERLIN_BACK = date(2027, 3, 28), date(2026, 10, 25)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(
    ("Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "UTC", "+05:30", "-09:30", "Asia/Kathmandu")
)


def test_12_50_in_india_is_07_20_utc_and_shown_as_12_50_pm_ist():
    moment = times.instant(date(2026, 11, 30), time(12, 50), "Asia/Kolkata")
    assert moment == INSTANT
    assert times.time_words(moment, "Asia/Kolkata") == "12:50 PM IST"
    assert times.moment_words(moment, "Asia/Kolkata") == "2026-11-30 12:50 PM IST"
    assert times.date_words(moment, "Asia/Kolkata") == "Monday, 30 November 2026"
    assert (times.calendar_stamp(moment), times.iso(moment)) == ("20261130T072000Z", "2026-11-30T07:20:00Z")


def test_an_early_morning_in_india_is_the_day_before_in_utc():
    moment = times.instant(date(2026, 11, 30), time(4, 0), "Asia/Kolkata")
    assert moment == datetime(2026, 11, 29, 22, 30, tzinfo=UTC)
    assert times.iso_date(moment, "Asia/Kolkata") == "2026-11-30"


@pytest.mark.parametrize(("clock", "shown"), [
    (time(0, 0), "12:00 AM IST"), (time(0, 5), "12:05 AM IST"), (time(11, 59), "11:59 AM IST"),
    (time(12, 0), "12:00 PM IST"), (time(23, 59), "11:59 PM IST"),
])  # fmt: skip
def test_noon_is_pm_and_midnight_is_am(clock, shown):
    assert times.time_words(times.instant(date(2026, 11, 30), clock, "Asia/Kolkata"), "Asia/Kolkata") == shown


def test_a_local_time_that_does_not_exist_is_refused_with_both_readings():
    with pytest.raises(TimeRefused) as caught:
        times.instant(BERLIN_FORWARD, time(2, 30), "Europe/Berlin")
    assert caught.value.code == "time_skipped"
    assert str(caught.value) == (
        "2027-03-28 02:30 does not exist in Europe/Berlin: clocks go forward; it would be read as 03:30 or 01:30."
    )
    assert caught.value.fix == "choose another time, or write timezone as an offset such as +01:00."


def test_a_local_time_that_exists_twice_is_refused_with_both_readings():
    with pytest.raises(TimeRefused) as caught:
        times.instant(BERLIN_BACK, time(2, 30), "Europe/Berlin")
    assert caught.value.code == "time_twice"
    assert str(caught.value) == (
        "2026-10-25 02:30 exists twice in Europe/Berlin: clocks go back; it is 02:30 at +02:00 or 02:30 at +01:00."
    )


@pytest.mark.parametrize(("day", "clock", "code"), [
    (BERLIN_FORWARD, time(1, 59), None), (BERLIN_FORWARD, time(2, 0), "time_skipped"),
    (BERLIN_FORWARD, time(2, 59), "time_skipped"), (BERLIN_FORWARD, time(3, 0), None),
    (BERLIN_BACK, time(1, 59), None), (BERLIN_BACK, time(2, 0), "time_twice"),
    (BERLIN_BACK, time(2, 59), "time_twice"), (BERLIN_BACK, time(3, 0), None),
])  # fmt: skip
def test_one_minute_decides_at_the_edges_of_summer_time(day, clock, code):
    if code is None:
        local = times.instant(day, clock, "Europe/Berlin").astimezone(times.zone("Europe/Berlin"))
        assert local.time() == clock
    else:
        with pytest.raises(TimeRefused) as caught:
            times.instant(day, clock, "Europe/Berlin")
        assert caught.value.code == code


def test_an_offset_says_which_of_two_readings_is_meant():
    first = times.instant(BERLIN_BACK, time(2, 30), "+02:00")
    second = times.instant(BERLIN_BACK, time(2, 30), "+01:00")
    assert second - first == timedelta(hours=1)


@pytest.mark.parametrize(
    "name",
    ["", "India", "Asia/Nowhere", "+14:30", "+05:60", "5:30", "../etc/passwd", "/etc/passwd", "Asia", "a" * 500,
     "Asia/Kolkata\n", "Europe/Berlin\0", "+٠٥:٣٠"],
)  # fmt: skip
def test_what_is_no_zone_is_refused_and_shown_shortly(name):
    with pytest.raises(ValueError, match=r"is no (time zone|offset)") as caught:
        times.zone(name)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("name", "minutes"), [("+0530", 330), ("-03:30", -210), ("+14:00", 840), ("UTC", 0), ("Z", 0)])
def test_an_offset_is_a_zone(name, minutes):
    assert times.zone(name).utcoffset(INSTANT) == timedelta(minutes=minutes)


@pytest.mark.parametrize("ask", [times.to_utc, times.epoch, times.iso, times.calendar_stamp])
def test_a_naive_datetime_is_refused(ask):
    with pytest.raises(ValueError, match="has no time zone; only aware datetimes are taken"):
        ask(datetime(2026, 11, 30, 7, 20))


@given(moment=moments, name=zones)
def test_an_instant_survives_every_zone_and_the_record(moment, name):
    shown = times.in_zone(moment, name)
    assert times.to_utc(shown) == moment
    assert abs(times.from_epoch(times.epoch(shown)) - moment) <= timedelta(microseconds=1)


@pytest.mark.parametrize(("name", "label"), [
    ("Asia/Kolkata", "IST"), ("Europe/Berlin", "CET"), ("UTC", "UTC"), ("+05:30", "UTC+05:30"),
    ("America/Sao_Paulo", "UTC-03:00"), ("-03:30", "UTC-03:30"),
])  # fmt: skip
def test_a_zone_is_labelled_as_people_call_it(name, label):
    assert times.zone_label(INSTANT, name) == label


@pytest.mark.parametrize(("minutes", "words"), [
    (45, "45 minutes"), (1, "1 minute"), (60, "1 hour"), (61, "1 hour 1 minute"), (90, "1 hour 30 minutes"),
    (120, "2 hours"), (1500, "25 hours"), (0, "0 minutes"),
])  # fmt: skip
def test_the_duration_in_words_is_end_minus_start(minutes, words):
    end = INSTANT + timedelta(minutes=minutes)
    assert times.duration_words((end - INSTANT).total_seconds()) == words


def test_a_duration_over_the_end_of_summer_time_is_the_time_that_passes():
    start = times.instant(BERLIN_BACK, time(1, 30), "Europe/Berlin")
    end = times.instant(BERLIN_BACK, time(3, 30), "Europe/Berlin")
    assert times.duration_words((end - start).total_seconds()) == "3 hours"


def test_the_clock_is_aware_utc():
    assert times.now().tzinfo is UTC
    assert times.offset_text(INSTANT.astimezone(timezone(-timedelta(hours=9, minutes=30)))) == "-09:30"
