"""One worker: how many mails it takes at once, when it stops, and that it and the booking desk never block each other."""

import random
import threading
import time
from datetime import timedelta

import pytest
from smtp_server import After, SmtpServer, account

from mailer.worker import FIRST_GROUP, LARGEST_GROUP, SETTLE_SECONDS, Post, Worker

pytest_plugins = ("post_office",)


@pytest.fixture
def worker_of(post):
    """Makes a worker that sends to a server."""
    made = []

    def make(server, **changes):
        desk = post.desk
        made.append(
            Worker(Post(desk.db, account(server, **changes), desk.settings, desk.ring, lambda: desk.epoch, trace=False))
        )
        return made[-1]

    yield make
    for worker in made:
        worker.close()


def test_groups_grow_while_the_server_is_fast(post, worker_of):
    post.book_file(200)
    with SmtpServer() as server:
        worker, sizes = worker_of(server), []
        while worker.step() is not None:
            sizes.append(len(server.delivered) - sum(sizes))
        worker.close()
    assert sizes[:4] == [FIRST_GROUP, 2 * FIRST_GROUP, 4 * FIRST_GROUP, 8 * FIRST_GROUP]
    assert max(sizes) <= LARGEST_GROUP
    assert sum(sizes) == 200
    assert len(server.connections) == 1


def test_groups_shrink_while_the_server_is_slow(post, worker_of, monkeypatch):
    passing = iter(range(0, 10_000, 5))
    monkeypatch.setattr("mailer.worker.time.monotonic", lambda: float(next(passing)))
    post.book(FIRST_GROUP + FIRST_GROUP // 2)
    with SmtpServer() as server:
        worker = worker_of(server)
        sizes = [worker.step() is not None and len(server.delivered) for _ in range(2)]
        worker.close()
    assert sizes == [FIRST_GROUP, FIRST_GROUP + FIRST_GROUP // 2]


def test_a_step_with_nothing_due_asks_for_no_other(post, worker_of):
    with SmtpServer() as server:
        assert worker_of(server).step() is None
        assert server.connections == []


def test_a_worker_keeps_its_connection_between_groups_and_says_goodbye(post, worker_of):
    post.book(3)
    with SmtpServer() as server:
        worker = worker_of(server)
        worker.step()
        post.book(2)
        worker.step()
        worker.close()
    assert (len(server.connections), server.commands[-1]) == (1, "QUIT")


def test_a_connection_that_the_server_closed_meanwhile_costs_no_mail_an_attempt(post, worker_of):
    with SmtpServer() as server:
        worker = worker_of(server)
        post.book(2)
        worker.step()
        server.playing.hang_up()
        post.book(2)
        while worker.step() is not None:
            pass
    assert post.states() == ["sent"] * 4
    assert post.desk.rows("SELECT max(attempts) FROM notification") == [(1,)]
    assert len(server.delivered) == 4


def test_replies_are_kept_as_they_come_while_a_group_is_under_way(post, worker_of):
    post.book(4)
    seen = []

    def look(*_):
        seen.append(post.elsewhere(post.states).count("sent"))
        return After("250 2.0.0 queued", SETTLE_SECONDS + 0.05)

    with SmtpServer({".": look}, extensions=()) as server:
        worker_of(server).step()
    assert seen == [0, 1, 2, 3]


def test_bookings_that_move_and_end_never_lock_up_with_a_delivery(post):
    post.book_file(120)
    began, chance, errors = time.monotonic(), random.Random(7), []

    def change_bookings():
        try:
            while time.monotonic() - began < 1.5:
                number = chance.randint(1, 120)
                at = post.desk.now + timedelta(days=2 + chance.randint(0, 90), hours=chance.randint(0, 9))
                post.desk.move(number, at.replace(minute=0))
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)
        finally:
            post.desk.db.close()

    def refuse_some(*_):
        return "451 4.3.0 later" if random.random() < 0.3 else None

    changing = threading.Thread(target=change_bookings)
    with SmtpServer({"RCPT": refuse_some}) as server:
        changing.start()
        while changing.is_alive():
            post.deliver(server, trace=False, connections=3)
            post.later(1)
        changing.join()
        server.script = {}
        post.later(20_000)
        report = post.deliver(server, trace=False)
    assert errors == []
    assert report.waiting == 0
    newest = "SELECT max(id) FROM notification GROUP BY interview_id"
    assert post.desk.rows(f"SELECT DISTINCT state FROM notification WHERE id IN ({newest})") == [("sent",)]
