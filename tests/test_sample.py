"""The samples: dates counted from today, written once; every row has the outcome that stands beside it."""

import csv
import unicodedata
from collections import defaultdict
from datetime import date, timedelta

import pytest

from store import sample
from store.candidate_rows import RowReader
from store.candidates_file import CandidatesFile
from store.errors import FileRefused
from store.places import ROOT
from store.requests import BookingRequest, RowFault
from store.sample import write_sample
from store.settings import Settings

SAMPLE = ROOT / "notebooks" / "data" / "candidates_sample.csv"
FAULTS = ROOT / "notebooks" / "data" / "candidates_faults.csv"
TODAY = date(2026, 11, 25)
OTHER_DAYS = [date(2027, 3, 27), date(2027, 3, 28), date(2027, 10, 31), date(2028, 2, 29)]
SCRIPTS = {"ARABIC", "BENGALI", "CYRILLIC", "DEVANAGARI", "GREEK", "HANGUL", "HEBREW", "HIRAGANA", "TAMIL", "THAI"}
BOOKING_RULES = {"duplicate_in_file", "capacity_conflict", "candidate_busy", "slot_past", "slot_full"}


@pytest.fixture
def template(tmp_path):
    """Writes a template of one slot_date and says where."""

    def write(slot_date: str):
        path = tmp_path / "template.csv"
        path.write_text(f'candidate_name,slot_date\n"Rao, ""Asha""\nPune",{slot_date}\n', encoding="utf-8")
        return path

    return write


def written_date(template, tmp_path, slot_date: str, today: date = TODAY) -> str:
    target = write_sample(template(slot_date), tmp_path / "made" / "sample.csv", today)
    rows = list(csv.reader(target.open(encoding="utf-8", newline="")))
    assert rows[1][0] == 'Rao, "Asha"\nPune'
    return rows[1][1]


def asked(template, target, today: date = TODAY) -> list[BookingRequest | RowFault]:
    with CandidatesFile(write_sample(template, target, today), Settings()) as file:
        reader = RowReader(file.header, Settings())
        return [reader.request(line, cells) for line, cells in file]


@pytest.mark.parametrize(
    ("slot_date", "date_written"),
    [
        ("+3", "2026-11-28"),
        ("-1", "2026-11-24"),
        ("+40", "2027-01-04"),
        ("dst-gap(Europe/Berlin)", "2027-03-28"),
        ("dst-overlap(Europe/Berlin)", "2027-10-31"),
        ("dst-gap(America/New_York)", "2027-03-14"),
        ("2026/11/30", "2026/11/30"),
        ("", ""),
    ],
)
def test_template_dates_become_days_counted_from_today(template, tmp_path, slot_date, date_written):
    assert written_date(template, tmp_path, slot_date) == date_written


def test_clock_change_of_today_is_over_and_the_next_years_is_taken(template, tmp_path):
    assert written_date(template, tmp_path, "dst-gap(Europe/Berlin)", date(2027, 3, 28)) == "2028-03-26"


def test_zone_without_summer_time_has_no_clock_change_to_offer(template, tmp_path):
    with pytest.raises(FileRefused) as refusal:
        written_date(template, tmp_path, "dst-gap(Asia/Kolkata)")
    assert refusal.value.code == "sample_template"
    assert list((tmp_path / "made").iterdir()) == []


def test_sample_that_exists_is_kept_for_later_runs(tmp_path):
    target = write_sample(SAMPLE, tmp_path / "sample.csv", TODAY)
    before = target.read_bytes()
    assert write_sample(SAMPLE, target, TODAY + timedelta(days=30)) == target
    assert target.read_bytes() == before


@pytest.mark.parametrize("make_trouble", ["no template", "file for a folder", "folder for the file"])
def test_sample_that_cannot_be_made_is_one_clear_refusal(tmp_path, make_trouble):
    (tmp_path / "plain").write_text("x")
    (tmp_path / "folder").mkdir()
    template, target = {
        "no template": (tmp_path / "none.csv", tmp_path / "sample.csv"),
        "file for a folder": (SAMPLE, tmp_path / "plain" / "sample.csv"),
        "folder for the file": (SAMPLE, tmp_path / "folder"),
    }[make_trouble]
    with pytest.raises(FileRefused) as refusal:
        write_sample(template, target, TODAY)
    assert refusal.value.code == "sample_unwritable"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "plain"]


def test_disk_that_fails_half_way_leaves_no_sample(tmp_path, monkeypatch):
    def breaks_off(rows, today):
        yield next(rows)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sample, "_dated", breaks_off)
    with pytest.raises(FileRefused, match="No space left"):
        write_sample(SAMPLE, tmp_path / "sample.csv", TODAY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("today", [TODAY, *OTHER_DAYS])
def test_every_row_of_the_sample_can_be_read_on_any_day(tmp_path, today):
    rows = asked(SAMPLE, tmp_path / "sample.csv", today)
    assert len(rows) == 200
    assert [row for row in rows if isinstance(row, RowFault)] == []
    assert min(row.starts_at.date() for row in rows) > today


def test_sample_has_one_row_a_candidate_and_no_slot_is_asked_for_beyond_its_capacity(tmp_path):
    rows = asked(SAMPLE, tmp_path / "sample.csv")
    slots = defaultdict(list)
    for row in rows:
        slots[row.job_title, row.company_name, row.starts_at, row.ends_at].append(row.capacity or 1)
    assert len({row.address for row in rows}) == len(rows)
    assert [asked for asked in slots.values() if len(set(asked)) > 1 or len(asked) > asked[0]] == []


def test_sample_shows_many_scripts_zones_slots_and_rounds(tmp_path):
    rows = asked(SAMPLE, tmp_path / "sample.csv")
    scripts = {unicodedata.name(sign).split()[0] for row in rows for sign in row.candidate_name}
    assert scripts > SCRIPTS
    assert {row.timezone for row in rows} >= {"Asia/Kolkata", "Europe/Berlin", "America/New_York", "+04:00"}
    assert {row.round for row in rows} == {1, 2}
    assert len({(row.job_title, row.starts_at) for row in rows}) > 60


def test_samples_addresses_belong_to_nobody(tmp_path):
    rows = asked(SAMPLE, tmp_path / "sample.csv")
    reserved = ("example.com", "example.org", "example.net", ".example")
    assert [row.line for row in rows if not row.email.endswith(reserved) or not row.email.isascii()] == []


@pytest.mark.parametrize("today", [TODAY, *OTHER_DAYS])
def test_faulty_rows_give_the_outcome_that_stands_beside_them(tmp_path, today):
    rows = asked(FAULTS, tmp_path / "faults.csv", today)
    with (tmp_path / "faults.csv").open(encoding="utf-8", newline="") as file:
        expected = [cells[-1].removeprefix("refused: ") for cells in csv.reader(file)][1:]
    found = [row.code if isinstance(row, RowFault) else "created" for row in rows]
    assert found == ["created" if outcome in BOOKING_RULES else outcome for outcome in expected]
    assert set(expected) > BOOKING_RULES
