"""The steps of `book_interview.ipynb` before anything is booked: its parameters as ops fill them in."""

from types import SimpleNamespace

import pytest

from notebooks import interview_steps
from notebooks.stopping import SettingsWrong

GOOD = {"candidate_name": "Asha Rao", "candidate_email": "asha@example.com", "job_title": "Nurse", "company_name": "Acme",
        "start_time": "10:00", "end_time": "10:30", "duration_minutes": ""}  # fmt: skip


@pytest.fixture
def asked(settings):
    return lambda **changes: interview_steps.request(SimpleNamespace(settings=settings), GOOD | changes)


def test_an_empty_date_is_tomorrow(asked, now):
    assert asked(slot_date="", timezone="Asia/Kolkata").starts_at > now


@pytest.mark.parametrize("zone", ["Mars/X", "+25:00"])
@pytest.mark.parametrize("date", ["", "2027-03-01"])
def test_a_zone_that_is_none_is_told_with_its_parameter(asked, zone, date):
    with pytest.raises(SettingsWrong) as refused:
        asked(timezone=zone, slot_date=date)
    assert str(refused.value).startswith("[parameters.timezone]")
    assert "To fix: " in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
