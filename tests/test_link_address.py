"""What BACKEND_URL makes of a link: refused or warned of where candidates could not open it."""

import pytest
from test_mail_config import LOCAL, checked, ids

from store.settings import Settings


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:8000", "http://x.localhost"]
)
def test_a_local_link_is_not_mailed_through_a_real_server_unless_allowed(url):
    shared = Settings(_env_file=None, backend_url=url)
    assert ids(checked(shared).findings) == ["mail.local_links"]
    assert checked(shared, allow_local_links="true").findings == ()
    assert checked(shared, base=LOCAL).findings == ()
    assert checked(shared, email_backend="sandbox").findings == ()
    # An alert to ops has no link.
    assert checked(shared, links=False).findings == ()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://my-pc", "is known in this network only and is not encrypted"),
        ("http://10.0.0.5:8000", "is known in this network only and is not encrypted"),
        ("https://portal.lan", "is known in this network only"),
        ("http://interviews.acme.in", "is not encrypted, so that browsers give no camera"),
    ],
)
def test_a_link_that_candidates_may_not_be_able_to_open_is_warned_of(url, words):
    (warning,) = checked(Settings(_env_file=None, backend_url=url)).warnings
    assert (warning.id, f"BACKEND_URL={url} {words}" in warning.what) == ("mail.links_not_public", True)
    assert "https://" in warning.fix


def test_a_link_to_this_machine_is_warned_of_where_a_relay_may_carry_it_further():
    shared = Settings(_env_file=None, backend_url="http://localhost:8000")
    assert ids(checked(shared, base=LOCAL).warnings) == ["mail.links_not_public"]
    assert ids(checked(shared, allow_local_links="true").warnings) == ["mail.links_not_public"]
    assert checked(shared, email_backend="sandbox").warnings == ()
