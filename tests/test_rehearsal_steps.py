"""The steps of rehearsal.ipynb: parameters, what is told of one day and of several, and that nothing is changed."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from booking_desk import request, write_file

from notebooks import rehearsal_plots, rehearsal_steps, rehearsal_tables
from notebooks.stopping import JobFailed, SettingsWrong
from store import batches, database, sample, session_keys, times
from store.database import execute

KINDS = {"batch_csv": str, "scenario": str, "starts_in_hours": float, "most_mails": int, "log_file": str}


@pytest.fixture
def url(tmp_path, monkeypatch):
    """The address of a record that is not there yet, in an installation whose mail goes to the sandbox."""
    address = f"sqlite:///{tmp_path}/record/interviews.db"
    given = {"DATABASE_URL": address, "SESSION_KEY_RING": str(tmp_path / "ring.json"), "EMAIL_BACKEND": "sandbox",
             "SANDBOX_MAILBOX": str(tmp_path / "mailbox"), "BACKEND_URL": "https://interviews.example.com"}  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return address


@pytest.fixture
def rehearse(url, tmp_path):
    """Runs the first step with these parameters over the notebook's defaults, on few mails."""

    def rehearse(**changes):
        defaults = {"batch_csv": "", "scenario": "good", "starts_in_hours": 0.0, "most_mails": 12}
        return rehearsal_steps.rehearse(
            {"__annotations__": KINDS, "log_file": str(tmp_path / "out.log"), **defaults, **changes}
        )

    return rehearse


@pytest.fixture
def batch(tmp_path):
    """Writes a file with an interview in so many hours from now, for each number."""

    def batch(*hours: float) -> str:
        now = times.now()
        path = tmp_path / "tomorrow.csv"
        booked = [
            request(now + timedelta(hours=hour), email=f"c{n}@cand.example", job_title=f"Nurse {n}")
            for n, hour in enumerate(hours)
        ]
        write_file(path, booked)
        return str(path)

    return batch


def shown(table) -> str:
    return table.data


def words(seen) -> str:
    return " ".join(rehearsal_steps.points(seen, seen.only))


def test_without_a_record_an_empty_one_stands_in_and_nothing_is_made(rehearse, tmp_path):
    seen = rehearse()
    assert seen.only.states == {"sent": 12}
    assert [path.name for path in tmp_path.iterdir()] == ["out.log"]
    assert "There is no record" in shown(rehearsal_tables.record(seen))


def test_the_record_is_shown_to_be_the_same_before_and_after(rehearse, url, batch):
    database.open_record(url).close()
    seen = rehearse(batch_csv=batch(20, 30))
    table = shown(rehearsal_tables.record(seen))
    assert seen.before == seen.after
    assert "The record is the same before and after." in table
    assert "CHANGED" not in table


def test_a_record_that_another_program_changes_meanwhile_is_told(rehearse, url, monkeypatch):
    db = database.open_record(url)
    play = rehearsal_steps._play

    def another_program_books(*given):
        execute(
            db,
            "INSERT INTO batch (kind, source, source_sha256, state, created_at) VALUES ('plan', 'a', 'b', 'done', 0)",
        )
        return play(*given)

    monkeypatch.setattr(rehearsal_steps, "_play", another_program_books)
    table = shown(rehearsal_tables.record(rehearse()))
    db.close()
    assert "Another program changed the record" in table
    assert table.count("<td>CHANGED</td>") == 1


def test_mails_that_wait_in_the_record_are_rehearsed_too(rehearse, url, batch, tmp_path, settings):
    db = database.open_record(url)
    ring = session_keys.load_ring(db, str(tmp_path / "ring.json"), now=times.now())
    path = sample.write_sample(Path("notebooks/data/candidates_sample.csv"), tmp_path / "old.csv", date.today())
    batches.book_batch(db, path, settings=settings, ring=ring, clock=times.now)
    db.close()
    plan = shown(rehearsal_tables.plan(rehearse(batch_csv=batch(20, 30))))
    assert "202 mails to send: 2 of this file, 200 that wait in the record." in plan


def test_a_part_of_the_mails_is_told_to_be_one(rehearse):
    assert "Only 12 of 200 mails were rehearsed" in words(rehearse())


def test_a_throttled_day_tells_when_the_mails_come_and_what_one_run_would_leave(rehearse):
    told = words(rehearse(scenario="gmail-throttles", most_mails=45))
    assert "tries failed on the way, most often: unusual rate" in told
    assert "A single run of booking_batch would send 20" in told
    assert "Half of those who get one would have their mail after" in told


def test_a_mail_that_comes_when_the_link_is_open_is_named(rehearse, batch):
    seen = rehearse(scenario="down-for-an-hour", batch_csv=batch(1.1, 30))
    table = shown(rehearsal_tables.too_late(seen))
    assert "1 mail would come too late" in words(seen)
    assert (table.count("c***@cand.example"), "<td>1</td>" in table) == (1, True)


def test_a_batch_that_starts_later_is_rehearsed_as_of_then(rehearse, batch):
    table = shown(rehearsal_tables.plan(rehearse(batch_csv=batch(5, 30), starts_in_hours=6.0)))
    assert "slot_past" in table


def test_nobody_told_too_late_is_said_with_the_closest(rehearse, batch):
    table = shown(rehearsal_tables.too_late(rehearse(batch_csv=batch(20, 30))))
    assert "Nobody. The closest is interview 1: its mail is there 19 h" in table


def test_what_needs_someone_comes_first_with_what_to_do(rehearse):
    seen = rehearse(scenario="unknown-recipients")
    states, mails = shown(rehearsal_tables.states(seen)), shown(rehearsal_tables.mails(seen))
    assert states.index("<td>failed</td>") < states.index("<td>sent</td>")
    assert mails.index("<td>failed</td>") < mails.index("<td>sent</td>")
    assert "correct it in the booking" in states


def test_a_paused_account_is_told_with_the_fix_and_until_when(rehearse, batch):
    seen = rehearse(scenario="wrong-password", batch_csv=batch(20, 30))
    assert "2 candidates would get no mail until somebody acts" in words(seen)
    assert "before the first link opens (" in words(seen)
    assert "App Password" in rehearsal_steps.verdict(seen)


def test_several_days_are_compared_the_worst_first(rehearse):
    seen = rehearse(scenario="good, drops-after-dot,wrong-password")
    table = shown(rehearsal_tables.told(seen))
    places = [table.index(f"<td>{name}</td>") for name in ("wrong-password", "drops-after-dot", "good")]
    assert places == sorted(places)
    assert "Give scenario one name" in shown(rehearsal_tables.mails(seen))
    assert "On 2 every mail would be sent in time, on 1 the mail account" in rehearsal_steps.verdict(seen)


@pytest.mark.long
def test_all_means_every_day_and_a_bounded_part_of_the_mails(rehearse, monkeypatch):
    monkeypatch.setattr(rehearsal_steps, "COMPARED_MAILS", 3)
    seen = rehearse(scenario="all", most_mails=0)
    assert len(seen.rehearsals) == len(rehearsal_steps.SCENARIOS)
    assert {len(done.mails) for done in seen.rehearsals} == {3}


@pytest.mark.parametrize(
    "scenario", ["good", "greylisting", "wrong-password", "drops-after-dot", "good,full-mailboxes"]
)
def test_every_kind_of_day_can_be_plotted(rehearse, scenario):
    figure = rehearsal_plots.shown(rehearse(scenario=scenario))
    figure.canvas.draw()
    assert len(figure.axes) == (1 if "," in scenario else 2)


def test_a_day_without_mails_is_told_and_plotted(rehearse, batch):
    seen = rehearse(batch_csv=batch(-2))
    rehearsal_plots.shown(seen).canvas.draw()
    assert "no mail waits" in rehearsal_steps.verdict(seen)
    assert "nobody is told too late" in shown(rehearsal_tables.too_late(seen))


def test_mail_settings_that_cannot_be_used_are_told_and_usual_ones_stand_in(rehearse, monkeypatch):
    monkeypatch.setenv("EMAIL_BACKEND", "smtp")
    seen = rehearse()
    assert seen.only.states == {"sent": 12}
    assert "usual ones stand in" in seen.notes[0]
    assert any("EMAIL_HOST" in note and "To fix:" in note for note in seen.notes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scenario": "gmail-throtles"}, "did you mean gmail-throttles?"),
        ({"scenario": " , "}, "No scenario is given."),
        ({"most_mails": -1}, "[parameters.most_mails]"),
        ({"starts_in_hours": -0.5}, "[parameters.starts_in_hours]"),
        ({"most_mails": "many"}, "[parameters.most_mails]"),
    ],
)
def test_a_wrong_parameter_is_told_with_the_fix_before_anything_is_copied(rehearse, changes, told):
    with pytest.raises(SettingsWrong) as refused:
        rehearse(**changes)
    assert told in str(refused.value)
    assert "To fix:" in str(refused.value)


def test_a_file_that_is_not_there_ends_the_notebook_with_its_name(rehearse):
    with pytest.raises(JobFailed, match="nowhere.csv"):
        rehearse(batch_csv="nowhere.csv")


def test_neither_keys_nor_addresses_are_shown(rehearse, batch, tmp_path):
    seen = rehearse(scenario="drops-after-dot", batch_csv=batch(*range(2, 12)))
    tables = (rehearsal_tables.told, rehearsal_tables.states, rehearsal_tables.mails, rehearsal_tables.plan)
    text = "".join(shown(table(seen)) for table in tables) + (tmp_path / "out.log").read_text()
    assert "@cand.example" in text
    assert "c1@cand.example" not in text
    assert not session_keys.SESSION_KEY.search(text)


def test_every_day_of_the_table_can_be_asked_for(rehearse):
    table = shown(rehearsal_tables.days())
    assert all(f"<td>{scenario.name}</td>" in table for scenario in rehearsal_steps.SCENARIOS)
