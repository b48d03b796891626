"""The audit: appended to and never changed, one row an event, parseable whatever is in it."""

import json

import peewee
import pytest

from store import events


@pytest.mark.parametrize("statement", ["UPDATE event SET kind = 'other'", "DELETE FROM event"])
def test_an_event_is_neither_changed_nor_deleted(desk, booked, statement):
    with pytest.raises(peewee.DatabaseError, match="events are append-only"):
        desk.change(statement)
    assert desk.event_kinds() == ["booked"]


@pytest.mark.parametrize("count", [1, 3])
def test_an_events_data_is_read_back_as_it_was_written(desk, count):
    data = {"text": 'रॉय \u202e\n"quoted"; -- \' \U0001f600', "number": 1.5, "nothing": None}
    with_id = [(desk.epoch, "tried", 7, None, data)] * count
    events.record_many(desk.db, with_id)
    rows = desk.rows("SELECT at, kind, interview_id, batch_id, data FROM event")
    assert [(*row[:4], json.loads(row[4])) for row in rows] == with_id


def test_no_events_are_no_rows(desk):
    events.record_many(desk.db, [])
    assert desk.count("event") == 0
