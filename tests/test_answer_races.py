"""Answers when pages and programs come at once: nothing is mixed or lost, and each thing happens once."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import interview_room
from interview_room import FIRST, SECOND
from test_booking_races import race

from store import database
from store.errors import AnswerRefused

room = interview_room.room


def writer(room, page, told):
    """Takes over and saves text after text; notes in `told` what it was told of each."""

    def write():
        base = 0
        for n in range(1, 21):
            if n % 5 == 1:
                room.take_over(page)
            text = f"{page} wrote {n}"
            try:
                base = room.save(text, page, n, base).revision
                told[text] = "saved"
            except AnswerRefused as refused:
                base = refused.data.get("revision", base)
                told[text] = refused.code

    return write


def test_two_pages_that_save_at_once_neither_mix_nor_lose_a_text(room, desk):
    told = {}
    race(desk, [writer(room, page, told) for page in (FIRST, SECOND)])
    kept = {room.answer()[0]} | {text for text, _ in room.copies()}
    assert kept <= told.keys()
    assert len(told) == 40
    for page, code in itertools.product((FIRST, SECOND), ("taken_over", "conflict")):
        # Of the texts that a page sent on and on only the last one has a place that nobody takes.
        refused = [text for text, said in told.items() if said == code and text.startswith(page)]
        assert set(refused[-1:]) <= kept
    for page in (FIRST, SECOND):
        # What a page saved and went on from is its own; where another page came between, it is kept.
        saved = [text for text, said in told.items() if said == "saved" and text.startswith(page)]
        assert not saved or saved[-1] in kept
    assert room.answer()[1] <= sum(said == "saved" for said in told.values())


def test_revisions_have_no_gap_when_one_page_sends_many_saves_at_once(room, desk):
    saves = [lambda n=n: room.save(f"text {n}", sequence=n).revision for n in range(1, 11)]
    revisions = race(desk, saves)
    assert sorted(set(revisions)) == list(range(1, len(set(revisions)) + 1))
    assert room.answer() == ("text 10", len(set(revisions)))


def test_of_finishes_at_once_one_is_recorded_and_all_are_answered(room, desk):
    finished = race(desk, [lambda: room.finish().finished_at] * 6)
    assert set(finished) == {room.now}
    assert desk.event_kinds().count("finished") == 1


def test_a_finish_waits_for_the_writers_that_read_an_interviews_state(room, desk):
    order, begun = [], threading.Event()

    def book():
        with database.lent(desk.db), database.writing(desk.db):
            begun.set()
            time.sleep(0.2)
            order.append("booked")

    with ThreadPoolExecutor(1) as pool:
        booking_it = pool.submit(book)
        assert begun.wait(10)
        room.finish()
        order.append("finished")
        booking_it.result()
    assert order == ["booked", "finished"]
