"""Copies of the record to try things on: what they hold, and that the record cannot be changed through them."""

import peewee
import pytest
from booking_desk import DAY, HOUR

from store import database, record_copies
from store.database import execute, fetch
from store.errors import DatabaseUnusable

pytest_plugins = ("post_office",)


@pytest.fixture
def copied(post, tmp_path):
    """A copy of a record with this many mails queued."""
    copies = []

    def copy(mails: int) -> record_copies.RecordCopy:
        post.book(mails)
        copies.append(record_copies.copy_into(tmp_path, post.desk.db, now=post.desk.now))
        return copies[0]

    yield copy
    for one in copies:
        one.db.close()


def test_a_record_opened_to_read_refuses_every_change(booked, settings):
    with record_copies.opened_to_read(settings.database_url.get_secret_value()) as record:
        with pytest.raises((DatabaseUnusable, peewee.InternalError), match="may not be written|read-only"):
            execute(record, "UPDATE notification SET attempts = 7")
        assert fetch(record, "SELECT attempts FROM notification") == [(0,)]


def test_a_record_opened_to_read_can_be_copied(booked, settings, now, tmp_path):
    with record_copies.opened_to_read(settings.database_url.get_secret_value()) as record:
        copy = record_copies.copy_into(tmp_path, record, now=now)
    assert record_copies.waiting_mails(copy.db) == [booked.notification_id]
    copy.db.close()


def test_no_record_is_made_where_there_is_none(tmp_path):
    with record_copies.opened_to_read(f"sqlite:///{tmp_path}/none.db") as record:
        assert record is None
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_our_tables_counts_as_no_record(tmp_path):
    (tmp_path / "empty.db").touch()
    with record_copies.opened_to_read(f"sqlite:///{tmp_path}/empty.db") as record:
        assert record is None


def test_a_record_of_an_older_version_is_told_with_what_to_do(now, tmp_path):
    old = database.open_record(f"sqlite:///{tmp_path}/old.db")
    execute(old, "ALTER TABLE candidate DROP COLUMN timezone")
    with pytest.raises(DatabaseUnusable, match="table candidate lacks timezone") as refused:
        record_copies.copy_into(tmp_path, old, now=now)
    old.close()
    assert "portal" in refused.value.fix


def test_fingerprints_tell_any_change_and_nothing_else(booked, desk):
    before = record_copies.fingerprints(desk.db)
    assert record_copies.fingerprints(desk.db) == before
    desk.change("UPDATE notification SET attempts = attempts + 1")
    after = record_copies.fingerprints(desk.db)
    assert [table for table in before if before[table] != after[table]] == ["notification"]
    assert before["notification"][0] == after["notification"][0] == 1


def test_a_duplicate_goes_its_own_way_with_the_same_ring(copied, tmp_path):
    copy = copied(2)
    (tmp_path / "other").mkdir()
    other = record_copies.duplicate(copy, tmp_path / "other")
    execute(other.db, "UPDATE notification SET state = 'failed'")
    assert len(record_copies.waiting_mails(copy.db)) == 2
    assert other.ring is copy.ring
    other.db.close()


@pytest.mark.parametrize(("most", "kept"), [(4, [1, 3, 6, 8]), (10, list(range(1, 11))), (99, list(range(1, 11)))])
def test_some_mails_are_kept_spread_over_all(copied, most, kept):
    copy = copied(10)
    record_copies.keep_some(copy.db, most)
    assert record_copies.waiting_mails(copy.db) == kept


def test_a_copied_mail_knows_when_its_link_opens(copied, post):
    copy = copied(1)
    known = record_copies.copied_mails(copy.db, now=post.desk.now)[1]
    assert known.opens_at == post.desk.now + DAY - HOUR / 4
    assert known.settled_at is None
