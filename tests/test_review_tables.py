"""What reviewers see of completed interviews: the list, one interview as it was said, its kept texts, and the plots."""

import io
import warnings
from datetime import timedelta

import pytest
import review_desk
from booking_desk import DAY
from interview_room import FIRST, SECOND
from review_desk import TAKE, another, folder_of, listed, rate, read, shown, wanted

from notebooks import review_plots, review_steps, review_tables
from store import evaluations, interviews, session_keys
from store.database import execute_many
from store.errors import AnswerRefused

run, later, room, spoken = review_desk.run, review_desk.later, review_desk.room, review_desk.spoken


def test_the_list_names_nobody_but_the_one_asked_for(desk, request_of, run, spoken):
    other = another(desk, request_of)
    names = ("Asha Rao", "Bela Bok")
    assert [name for name in names if name in listed(run)] == []
    assert [name for name in names if name in listed(run, interview_id=other)] == ["Bela Bok"]
    assert [name for name in names if name in listed(run, candidate_id=1)] == ["Asha Rao"]
    assert "a***@example.com" in listed(run, interview_id=other)
    assert "asha@example.com" not in listed(run, interview_id=1)


def test_the_list_tells_how_each_interview_ended_and_how_much_was_answered(run, spoken):
    table = listed(run)
    assert "finished after 2 min" in table
    assert "2 of 3" in table
    assert "not rated yet" in table


def test_an_interview_that_ran_out_is_listed_as_such(run, room):
    assert "ran out after 59 min" in listed(run)


def test_answers_are_shown_of_one_interview_only(desk, request_of, run, spoken):
    assert review_steps.read(run, wanted(run), review_steps.find(run, wanted(run))).transcript.interview_id == 1
    another(desk, request_of)
    assert review_steps.read(run, wanted(run), review_steps.find(run, wanted(run))) is None


def test_an_answer_is_shown_as_it_was_written_and_never_as_markup(run, spoken):
    said = shown(run)
    assert "I am &lt;b&gt;Asha&lt;/b&gt;,\nand it costs $5 or $6.</pre>" in said
    assert "9 words, revision 1, saved 11:32:30 IST" in said
    assert "mathjax_ignore" in said
    assert "not answered: never opened" in said
    assert "answered in writing, within 1 min" in said


def test_a_link_and_the_address_that_a_candidate_wrote_are_hidden(desk, run, room):
    row = desk.rows("SELECT public, key_id, generation FROM interview_session WHERE id = ?", room.session_id)[0]
    key = session_keys.session_key(*row, desk.ring)
    room.save(f"See https://x/?session_key={key} or write to Asha@Example.com.")
    said = shown(run)
    assert key not in said
    assert "session_key=*** or write to a***@example.com." in said


def test_kept_texts_are_marked_with_the_reason(run, room):
    room.save("first " * 60)
    room.save("short", sequence=2)
    with pytest.raises(AnswerRefused):
        room.save("from <i>elsewhere</i>", page=SECOND)
    room.later(3 * 3600)
    with pytest.raises(AnswerRefused):
        room.save("too late", sequence=3)
    said = shown(run)
    assert "<b>before the candidate cut it</b>: 60 words" in said
    assert "<b>another page wrote this</b>: 2 words" in said
    assert "from &lt;i&gt;elsewhere&lt;/i&gt;</pre>" in said
    assert "<b>arrived after the end</b>: 2 words" in said


def keep(room, *copies):
    """Keeps texts as copies; each is a question's number and its text."""
    sql = "INSERT INTO answer_copy (session_id, number, text, page, reason, kept_at) VALUES (?, ?, ?, ?, 'late', ?)"
    rows = [(room.session_id, number, text, FIRST, room.now.timestamp()) for number, text in copies]
    execute_many(room.desk.db, sql, rows)


@pytest.fixture
def kept(run, room):
    """Six short copies of the first question, and a long one of the second."""
    keep(room, *((1, f"draft {number}") for number in range(6)), (2, "'" * 20_000))
    return run


def test_the_newest_copies_of_a_question_are_shown_and_long_ones_are_cut(kept):
    said = shown(kept)
    assert [number for number in range(6) if f"draft {number}</pre>" in said] == [1, 2, 3, 4, 5]
    assert said.count("Not shown: 1 older text. To read") == 1
    assert said.count("&#x27;") == review_tables.COPY_SHOWN
    assert "1 word, kept 11:31:00 IST; the first 1,000 of 20,000 characters" in said
    for number in (1, 2):
        call = f"review_tables.copies(said, {number}, run.settings)"
        assert f"To read all that was kept, whole, run <code>{call}</code>" in said


def test_every_copy_of_a_question_is_shown_whole_when_it_is_asked_for(kept):
    first, second = (review_tables.copies(read(kept), number, kept.settings).data for number in (1, 2))
    assert [number for number in range(6) if f"draft {number}</pre>" in first] == [0, 1, 2, 3, 4, 5]
    assert (first.count("&#x27;"), second.count("&#x27;"), second.count("draft")) == (0, 20_000, 0)


def test_what_a_candidate_may_send_makes_no_endless_transcript(desk, run, room):
    rows = [(room.session_id, 4 + n, "Why?", "text") for n in range(46)]
    execute_many(run.db, "INSERT INTO session_question (session_id, number, text, kind) VALUES (?, ?, ?, ?)", rows)
    keep(room, *((1 + n % 49, "<" * 20_000) for n in range(49 * 50)))
    assert len(shown(run)) < 49 * review_tables.COPIES_SHOWN * (4 * review_tables.COPY_SHOWN + 1_000)


def test_a_link_at_the_place_where_a_copy_is_cut_stays_hidden(desk, run, room):
    key = session_keys.session_key(*desk.rows("SELECT public, key_id, generation FROM interview_session")[0], desk.ring)
    text = "x" * (review_tables.COPY_SHOWN - 30) + f" {key} asha@example.com " + "x" * 1_000
    keep(room, (1, text))
    assert key[:12] not in shown(run)
    assert "asha@" not in shown(run)


def test_a_recording_is_named_with_its_file_and_how_to_fetch_it(run, spoken):
    said = shown(run)
    assert str(folder_of(run) / "1" / f"3-{TAKE}.webm") in said
    assert "36 bytes" in said
    assert "https://interviews.example.com/api/recordings/1" in said
    assert "<audio" not in said
    assert "trouble" not in said


def test_a_recording_whose_file_is_gone_is_told_with_the_fix(run, spoken):
    (folder_of(run) / "1" / f"3-{TAKE}.webm").unlink()
    assert "lacks a recording that the record knows" in shown(run)
    assert "RECORDINGS_FOLDER" in shown(run)
    assert "cannot be read here" in rate(run)[2]


def test_plots_of_odd_interviews_are_drawn_without_a_warning(desk, request_of, run, spoken):
    titles = ("Lead ($30_$40)", "नर्स", " ".join(["Cook"] * 20))
    ids = [another(desk, request_of, f"c{n}@example.com", title, 4 + 2 * n) for n, title in enumerate(titles)]
    desk.change("UPDATE interview_session SET begun_at = NULL WHERE interview_id = ?", ids[0])
    for score, one in enumerate(ids):
        evaluations.create(desk.db, {"interview_id": one, "overall_score": score}, desk.now + 2 * DAY)
    found = review_steps.find(run, wanted(run))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = review_plots.overview(found, ids[0])
        figure.savefig(io.BytesIO())
        review_plots.answers(read(run)).savefig(io.BytesIO())
    names = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert names == [f"{'Cook ' * 6}C... (1)", f"job of interview {ids[1]} (1)", "Lead ($30_$40), Acme (1)"]


def test_plots_of_an_interview_without_any_answer_are_drawn(desk, run, room):
    review_plots.answers(read(run)).savefig(io.BytesIO())
    figure = review_plots.overview(review_steps.find(run, wanted(run)), None)
    assert [text.get_text() for text in figure.axes[0].texts] == ["0 of 3"]
    assert len(figure.axes) == 1


@pytest.mark.parametrize(("text", "count"), [("", 0), ("two words", 2), ("日本語です", 5), ("a\n\tb  c.", 3)])
def test_words_are_counted_in_any_script(text, count):
    assert review_tables.words(text) == count


def test_the_list_and_the_transcript_agree_on_what_is_answered(run, spoken):
    [one] = interviews.completed(run.db, now=spoken.now + timedelta(days=1))
    replies = interviews.transcript(run.db, 1).replies
    assert sum(reply.is_answered for reply in replies) == one.answered == 2
