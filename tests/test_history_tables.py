"""What ops see of runs: words beside every colour, the open failures first, links to what there is, and the plots."""

import io
import socket
import warnings

import history_desk
import job_past
import pytest
from history_desk import BAD, cells

from notebooks import history_plots, history_tables

ran, look = history_desk.ran, history_desk.look


def test_the_light_has_a_word_and_is_red_while_a_failure_is_not_put_right(ran, look):
    ran(9)
    assert "<b>GREEN</b> 1 run in" in history_tables.light(look()).data
    ran(5, "stopped", notebook="rehearsal")
    assert "<b>AMBER</b>" in history_tables.light(look()).data
    ran(4, "failed", message=BAD)
    assert "<b>RED</b>" in history_tables.light(look()).data
    ran(3)
    assert "<b>AMBER</b>" in history_tables.light(look()).data


def test_open_failures_come_first_and_only_they_have_something_to_do(ran, look):
    ran(9, "failed", message=BAD, notebook="rehearsal")
    ran(8, "failed", message=BAD)
    ran(7, notebook="review")
    ran(6, "died", notebook="booking_batch")
    shown = history_tables.to_fix(look())
    assert cells(shown, "notebook") == ["booking_batch", "rehearsal", "review"]
    assert cells(shown, "ended") == ["died", "failed", "failed"]
    assert cells(shown, "To fix") == ["run it again; what is done is not done twice.", "correct them.", ""]
    assert [said[:8] for said in cells(shown, "since then")] == ["not done", "not done", "done 202"]


def test_without_failures_there_is_nothing_to_do(ran, look):
    ran(1)
    assert "Nothing to do" in history_tables.to_fix(look()).data


def test_a_run_shows_what_it_told_and_never_as_markup(ran, look):
    ran(1, "failed", message="<b>No</b>. To fix: <i>x</i>", started_by="<script>", counts={"rows": 1234},
        peak_memory=123_456_789, parameters={"days": 7, "note": ""}, scheduled_as="nightly")  # fmt: skip
    looked = look()
    shown = history_tables.runs(looked)
    found = [cells(shown, name)[0] for name in ("notebook", "took", "counts", "most memory", "with", "code")]
    assert found == ["review (nightly)", "1 min", "rows 1,234", "123 MB", "days=7", "v1"]
    assert "<script>" not in shown.data
    assert "<i>" not in history_tables.to_fix(looked).data


def test_a_file_that_is_there_is_a_link_seen_from_the_notebook_and_another_is_told_as_gone(ran, look, tmp_path):
    (tmp_path / "runs" / "review").mkdir(parents=True)
    page = tmp_path / "runs" / "review" / "a b.html"
    page.touch()
    (tmp_path / "runs" / "job_history").mkdir()
    (tmp_path / "runs" / "job_history" / "own.log").touch()
    left = {"page": str(page), "notebook": str(page.with_suffix(".ipynb"))}
    ran(2, artefacts=left, host=socket.gethostname())
    ran(1, artefacts={"log": "/elsewhere.log"}, host="ops-1")
    shown = history_tables.runs(look())
    assert cells(shown, "record") == ["on ops-1", "page, notebook: gone"]
    assert 'href="../review/a%20b.html"' in shown.data


def test_each_notebook_has_a_row_of_how_its_runs_ended_and_how_long_they_took(ran, look):
    ran(4, peak_memory=2_000_000)
    ran(3, "failed", peak_memory=5_000_000)
    ran(2, notebook="rehearsal")
    shown = history_tables.by_notebook(look())
    assert cells(shown, "notebook") == ["review", "rehearsal"]
    assert (cells(shown, "done"), cells(shown, "failed")) == (["1", "1"], ["1", ""])
    assert cells(shown, "half of those done take less than") == ["1 min", "1 min"]
    assert cells(shown, "most memory") == ["5 MB", ""]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.96, "10.0 s"), (90, "1 min 30 s"), (7_500, "2 h 5 min")]
)
def test_lengths_are_told_in_words(seconds, words):
    assert history_tables.seconds_words(seconds) == words


@pytest.mark.parametrize("days", [1, 30, 400])
def test_plots_of_any_span_count_every_run_and_are_drawn_without_a_warning(db, look, days):
    job_past.write(db, days=40, a_day=6)
    looked = look(days=days)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = history_plots.outcomes(looked)
        figure.savefig(io.BytesIO())
        history_plots.durations(looked).savefig(io.BytesIO())
    heights = sum(bar.get_height() for bar in figure.axes[0].patches)
    assert heights == sum(looked.kinds.values())


def test_a_day_without_a_run_has_its_place(ran, look):
    ran(60)
    ran(12)
    figure = history_plots.outcomes(look(days=3))
    assert len(figure.axes[0].patches) == 4
    assert sorted(bar.get_height() for bar in figure.axes[0].patches) == [0, 0, 1, 1]


def test_without_a_run_nothing_is_drawn(look):
    assert (history_plots.outcomes(look()), history_plots.durations(look())) == (None, None)
