"""The long torture: two delivering programs killed fifty times lose no mail. Run by `make torture`."""

import pytest
from killed_workers import Torture


@pytest.mark.long
def test_no_mail_of_hundreds_is_lost_in_fifty_kills(desk, tmp_path):
    Torture(desk, tmp_path, mails=300, kills=50, lease=2.0, hold=1.0).run().check()
