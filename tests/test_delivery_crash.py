"""Programs killed in the middle of a delivery lose no mail (the short form; `make torture` runs the long one)."""

from killed_workers import Torture


def test_no_mail_is_lost_when_delivering_programs_are_killed(desk, tmp_path):
    Torture(desk, tmp_path, mails=40, kills=4, lease=2.0, hold=0.3).run().check()
