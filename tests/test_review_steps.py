"""The steps of review.ipynb on a real record: what may be asked for, what is found, and the rating that is written."""

import pytest
import review_desk
from booking_desk import DAY
from review_desk import another, rate, wanted

from notebooks import parameters, review_steps, review_tables
from notebooks.stopping import JobFailed
from store import evaluations

run, later, room, spoken = review_desk.run, review_desk.later, review_desk.room, review_desk.spoken


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
    with pytest.raises(Exception, match="overall_score = True is not a number"):
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


def test_unrated_interviews_come_first_and_the_one_asked_for_before_them(desk, request_of, run, spoken):
    second, third = another(desk, request_of), another(desk, request_of, email="c@example.com", hours=8)
    evaluations.create(desk.db, {"interview_id": third, "overall_score": 5}, desk.now + 2 * DAY)
    assert [one.interview_id for one in review_steps.find(run, wanted(run))] == [1, second, third]
    assert [one.interview_id for one in review_steps.find(run, wanted(run, interview_id=third))] == [third, 1, second]


def test_the_one_asked_for_is_found_however_old(run, spoken, later):
    later(days=100)
    assert review_steps.find(run, wanted(run)) == []
    assert [one.interview_id for one in review_steps.find(run, wanted(run, interview_id=1))] == [1]


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
