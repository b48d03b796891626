"""The steps of review.ipynb on a real record: what is listed, what is shown of one interview, and what is written."""

import io
import warnings
from contextlib import ExitStack
from datetime import timedelta

import interview_room
import pytest
from booking_desk import DAY, HOUR
from interview_room import FIRST, SECOND

from mailer.config import MailSettings
from notebooks import parameters, review_plots, review_steps, review_tables
from notebooks.opened_run import Run
from notebooks.review_steps import Wanted
from notebooks.stopping import JobFailed
from store import evaluations, interviews, recordings, session_keys, times
from store.database import execute_many
from store.errors import AnswerRefused

DEFAULTS = {"candidate_id": 0, "interview_id": 0, "days": 30, "overall_score": -1.0, "traits": "", "suggestions": ""}
TAKE = "take-0123456789abcdef"


@pytest.fixture
def run(db, settings, ring, tmp_path):
    mine = settings.model_copy(update={"recordings_folder": str(tmp_path / "recordings")})
    return Run(mine, MailSettings(), db, ring, tmp_path / "run.log", {}, ExitStack())


@pytest.fixture
def later(desk, monkeypatch):
    """Lets the notebook's clock say that many days after the booking."""

    def later(days: float = 2):
        monkeypatch.setattr(times, "now", lambda: desk.now + days * DAY)

    later()
    return later


@pytest.fixture
def room(desk, booked, later):
    """An interview that has begun."""
    room = interview_room.room_of(desk, booked.interview_id).later(60)
    room.begin()
    return room


@pytest.fixture
def spoken(room, run):
    """A finished interview: the first answer written, the second skipped, the third recorded."""
    room.beat(question=1)
    room.later(90).save("I am <b>Asha</b>,\nand it costs $5 or $6.")
    room.beat(question=3)
    recordings.append(
        run.db, room.session_id, 3, TAKE, page=FIRST, media_type="audio/webm", offset=0, chunk=b"\x1a\x45\xdf\xa3" * 9,
        is_final=True, folder=folder_of(run), limit=1000, now=room.now,
    )  # fmt: skip
    room.later(60).finish()
    return room


def folder_of(run):
    return run.log_path.parent / "recordings"


def another(desk, request_of, email="bela@example.com", title="Cook", hours=5):
    """Another completed interview; gives its id."""
    booking = desk.book(request_of(desk.now + hours * HOUR, email=email, job_title=title, candidate_name="Bela Bok"))
    room = interview_room.room_of(desk, booking.interview_id).later(60)
    room.begin()
    room.save("Yes.")
    room.finish()
    return booking.interview_id


def wanted(run, **changes) -> Wanted:
    return review_steps.wanted(run, DEFAULTS | changes)


def listed(run, **changes) -> str:
    asked = wanted(run, **changes)
    return review_tables.completed(review_steps.find(run, asked), asked, run.settings).data


def read(run, interview_id=1):
    asked = wanted(run, interview_id=interview_id)
    return review_steps.read(run, asked, review_steps.find(run, asked))


def shown(run) -> str:
    return review_tables.transcript(read(run), run.settings).data


def rate(run, *, dry_run=False, **changes):
    """The rating of interview 1, what the notebook shows of it, and the last sentence."""
    asked = wanted(run, interview_id=1, **changes)
    found = review_steps.find(run, asked)
    said = review_steps.read(run, asked, found)
    rating = review_steps.rate(run, asked, said, dry_run=dry_run)
    return rating, review_tables.rating(rating).data, review_steps.verdict(run, asked, found, said, rating)


WRONG = {
    "candidate_id": (99, -1, 2**63), "interview_id": (99, -1, 2**63), "days": (0, -1, 3651),
    "overall_score": (10.5, -0.5, -2.0, float("nan"), float("inf")),
    "traits": ("clarity", "=8", "clarity=", "clarity=8,5", "clarity=11", "clarity=-1", "a=1, a=2", f"{'a' * 61}=1"),
    "suggestions": ("x" * 5001, "a\x00b"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_parameter_is_named_with_its_fix(run, spoken, name, value):
    given = {"interview_id": 1, "overall_score": 8.0} if name not in ("candidate_id", "days") else {}
    with pytest.raises(JobFailed, match=rf"(?m)^\[parameters\.{name}\] .*To fix: .*$"):
        wanted(run, **(given | {name: value}))


def test_every_wrong_parameter_is_told_at_once(run, spoken):
    with pytest.raises(JobFailed) as stopped:
        wanted(run, candidate_id=99, days=0, overall_score=11.0, traits="x, y=8", suggestions="x" * 6000)
    names = [line.partition("]")[0].removeprefix("[parameters.") for line in str(stopped.value).splitlines()]
    assert names == ["traits", "days", "candidate_id", "interview_id", "overall_score", "suggestions"]


def test_a_score_needs_the_interview_that_it_is_for(run, spoken):
    with pytest.raises(JobFailed, match=r"parameters\.interview_id.*A score needs"):
        wanted(run, overall_score=8.0)


@pytest.mark.parametrize("given", [{"traits": "clarity=8"}, {"suggestions": "Good."}])
def test_words_that_would_be_lost_without_a_score_are_refused(run, spoken, given):
    with pytest.raises(JobFailed, match="would be lost"):
        wanted(run, interview_id=1, **given)


def test_an_interview_that_is_not_over_cannot_be_reviewed(run, room, later):
    later(days=1)
    with pytest.raises(JobFailed, match="Interview 1 is not completed; it was booked until 2026-11-21T07:00:00Z"):
        wanted(run, interview_id=1)


def test_an_interview_of_another_candidate_is_not_taken_for_theirs(desk, request_of, run, spoken):
    another(desk, request_of)
    with pytest.raises(JobFailed, match="Interview 1 is not candidate 2's"):
        wanted(run, interview_id=1, candidate_id=2)


def test_a_score_may_be_written_as_a_whole_number_but_not_as_true():
    names = {"__annotations__": {"overall_score": float}, "overall_score": 8}
    assert parameters.check(names) == {"overall_score": 8}
    with pytest.raises(Exception, match="overall_score = True is not float"):
        parameters.check(names | {"overall_score": True})


def test_traits_are_read_as_scores_by_name(run, spoken):
    asked = wanted(run, interview_id=1, overall_score=8.0, traits=" team work = 8 , clarity=7.5,")
    assert asked.rating["traits"] == {"team work": 8.0, "clarity": 7.5}


def test_an_empty_record_ends_well(run, later):
    asked = wanted(run)
    found = review_steps.find(run, asked)
    said = review_steps.read(run, asked, found)
    assert (found, said, review_steps.rate(run, asked, said, dry_run=False)) == ([], None, None)
    assert "nothing to review yet" in review_tables.completed(found, asked, run.settings).data
    assert "no interview was completed in the last 30 days" in review_steps.verdict(run, asked, found, said, None)
    assert "To read one, set interview_id" in review_tables.transcript(said, run.settings).data
    assert "none is rated" in review_tables.rating(None).data


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


def test_unrated_interviews_come_first_and_the_one_asked_for_before_them(desk, request_of, run, spoken):
    second, third = another(desk, request_of), another(desk, request_of, email="c@example.com", hours=8)
    evaluations.create(desk.db, {"interview_id": third, "overall_score": 5}, desk.now + 2 * DAY)
    assert [one.interview_id for one in review_steps.find(run, wanted(run))] == [1, second, third]
    assert [one.interview_id for one in review_steps.find(run, wanted(run, interview_id=third))] == [third, 1, second]


def test_the_one_asked_for_is_found_however_old(run, spoken, later):
    later(days=100)
    assert review_steps.find(run, wanted(run)) == []
    assert [one.interview_id for one in review_steps.find(run, wanted(run, interview_id=1))] == [1]


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


def test_a_dry_run_shows_the_rating_and_writes_nothing(desk, run, spoken):
    rating, said, sentence = rate(run, dry_run=True, overall_score=8.5, traits="clarity=7", suggestions="Ask <more>.")
    assert (rating.before, rating.after, desk.count("evaluation")) == (None, None, 0)
    assert "A dry run: nothing is written" in said
    assert "Ask &lt;more&gt;." in said
    assert "would rate it 8.5; to write it, set dry_run to False" in sentence


def test_a_rating_is_written_as_asked(desk, run, spoken):
    rating, said, sentence = rate(run, overall_score=8, traits="clarity=7.5", suggestions="Good.\nVery.")
    kept = evaluations.read(desk.db, rating.after.id)
    assert (kept.overall_score, kept.traits, kept.suggestions) == (8, {"clarity": 7.5}, "Good.\nVery.")
    assert "The rating is written" in said
    assert sentence == "Done: interview 1: 2 of 3 questions answered; rated 8."


def test_a_rating_replaces_the_one_before_shows_both_and_keeps_its_details(desk, run, spoken):
    before = {"interview_id": 1, "overall_score": 4.5, "traits": {"pace": 3}, "details": {"model": "m1"}}
    evaluations.create(desk.db, before, desk.now + 2 * DAY)
    rating, said, sentence = rate(run, overall_score=8.0)
    kept = evaluations.read(desk.db, rating.after.id)
    assert (kept.overall_score, kept.traits, kept.details, desk.count("evaluation")) == (8, {}, {"model": "m1"}, 1)
    cells = [part.split("<")[0] for part in said.split("<td>")[1:]]
    assert cells == ["overall", "4.5", "8", "trait: pace", "3", "none"]
    assert sentence.endswith("rated 8, before 4.5.")


def test_without_a_score_the_rating_in_the_record_is_shown_and_left(desk, run, spoken):
    evaluations.create(desk.db, {"interview_id": 1, "overall_score": 4.5}, desk.now + 2 * DAY)
    rating, said, sentence = rate(run)
    assert (rating.after, rating.before.overall_score) == (None, 4.5)
    assert "in the record" in said
    assert sentence.endswith("rated 4.5.")


def test_a_rating_that_somebody_else_changes_meanwhile_fails_the_job(desk, run, spoken):
    asked = wanted(run, interview_id=1, overall_score=8.0)
    found = review_steps.find(run, asked)
    said = review_steps.read(run, asked, found)
    rating = review_steps.rate(run, asked, said, dry_run=False)
    evaluations.update(desk.db, rating.after.id, {"overall_score": 2}, desk.now + 3 * DAY)
    with pytest.raises(JobFailed, match="changed by somebody else just now. To fix: "):
        review_steps.verdict(run, asked, found, said, rating)


def test_the_last_sentence_counts_what_is_left_to_rate(desk, request_of, run, spoken):
    another(desk, request_of)
    asked = wanted(run)
    sentence = review_steps.verdict(run, asked, review_steps.find(run, asked), None, None)
    assert "2 interviews were completed in the last 30 days, 2 not rated yet." in sentence


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
