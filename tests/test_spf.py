"""SPF: what a record allows, what it costs, and each way in which it is wrong, asked at a real name server."""

import ipaddress

import pytest
from name_server import dnsmasq, host, mx, txt

from mailer.account import SMTP, STARTTLS, Account
from mailer.verification import from_domain
from mailer.verification.dns_questions import Questions
from mailer.verification.from_domain import Sender
from mailer.verification.spf import examine, merged, with_term
from mailer.verification.stages import OK, WARNING

DOMAIN = "firm.example"
MINE, OTHER, SIX = map(ipaddress.ip_address, ("8.8.4.4", "9.9.9.9", "2001:4860:4860::8844"))
GOOGLE = txt("_spf.google.com", "v=spf1 ip4:172.217.0.0/19 ~all")


def spf(*terms, at=DOMAIN):
    return txt(at, " ".join(("v=spf1", *terms)))


@pytest.fixture
def seen(tmp_path):
    """The SPF look for a mail server with these addresses, over these records."""

    def seen(*records, server="smtp.relay.example", hosts=(MINE,), sender=f"jobs@{DOMAIN}"):
        with dnsmasq(tmp_path, *records) as here:
            return from_domain.spf(Sender(Account(SMTP, server, 587, STARTTLS, sender), hosts), Questions(here))

    return seen


@pytest.fixture
def examined(tmp_path):
    def examined(*records):
        with dnsmasq(tmp_path, *records) as here:
            return examine(DOMAIN, Questions(here))

    return examined


@pytest.mark.parametrize(
    "terms",
    [
        ["ip4:8.8.4.4"],
        ["ip4:8.8.0.0/16"],
        ["IP4:8.8.4.4", "-ALL"],
        ["a:smtp.relay.example", "-all"],
        ["a:smtp.relay.example/24", "-all"],
        ["mx", "-all"],
        ["include:_spf.relay.example", "-all"],
        ["redirect=_spf.relay.example"],
        ["-ip4:9.9.9.9", "ip4:8.8.4.4", "exp=why.firm.example", "-all"],
    ],
)
def test_record_that_covers_the_mail_server_is_green(seen, terms):
    near = host("smtp.relay.example", "8.8.4.4")
    row = seen(spf(*terms), near, mx(DOMAIN, "smtp.relay.example"), spf("ip4:8.8.4.4", "-all", at="_spf.relay.example"))
    assert row.result == OK
    assert "it covers 8.8.4.4" in row.evidence


@pytest.mark.parametrize(
    "terms",
    [
        ["ip4:9.9.9.9", "-all"],
        ["-all"],
        ["-ip4:8.8.4.4", "ip4:8.8.0.0/16", "-all"],
        ["-all", "ip4:8.8.4.4"],
        ["-include:_spf.relay.example", "~all"],
        ["include:_spf.denied.example", "~all"],
        ["?all"],
    ],
)
def test_record_that_does_not_cover_it_says_the_whole_better_record(seen, terms):
    others = spf("ip4:8.8.4.4", "-all", at="_spf.relay.example"), spf("-ip4:8.8.4.4", "+all", at="_spf.denied.example")
    row = seen(spf(*terms), *others)
    assert (row.code, row.result) == ("spf_not_covering", WARNING)
    assert f"change this TXT record to: {with_term('v=spf1 ' + ' '.join(terms), 'ip4:8.8.4.4')}" in row.fix


def test_address_of_version_6_is_matched_by_its_own_prefix(examined):
    policy = examined(spf("a:six.example/8//64", "-all"), host("six.example", "2001:4860:4860::1")).policy
    near = ipaddress.ip_address("2001:4860:ffff::1")
    assert [policy.result(address) for address in (SIX, near, MINE)] == ["pass", "fail", "fail"]


def test_known_provider_is_covered_by_its_include(seen):
    row = seen(spf("include:_spf.google.com", "~all"), GOOGLE, server="smtp.gmail.com")
    assert row.result == OK
    assert "includes google" in row.evidence


def test_missing_include_of_a_known_provider_is_named(seen):
    row = seen(spf("ip4:9.9.9.9", "~all"), server="smtp.gmail.com")
    assert row.code == "spf_not_covering"
    assert row.fix.endswith("change this TXT record to: v=spf1 ip4:9.9.9.9 include:_spf.google.com ~all")


def test_include_that_is_denied_covers_nobody(seen):
    assert seen(spf("-include:_spf.google.com", "~all"), GOOGLE, server="smtp.gmail.com").code == "spf_not_covering"


def test_no_record_is_no_fault_where_the_provider_uses_its_own_envelope(seen):
    assert seen(txt(DOMAIN, "else"), server="smtp.sendgrid.net").result == OK
    assert seen(txt(DOMAIN, "else"), server="smtp.gmail.com").code == "spf_missing"


def test_sender_of_a_free_mail_domain_must_send_through_its_provider(seen):
    row = seen(server="smtp.sendgrid.net", sender="firm@gmail.com")
    assert row.code == "from_of_another_provider"
    records = spf("redirect=_spf.google.com", at="gmail.com")
    assert seen(records, GOOGLE, server="smtp.gmail.com", sender="firm@gmail.com").result == OK


@pytest.mark.parametrize(
    "term",
    [
        "ip4:2001:db8::1",
        "ip6:8.8.4.4",
        "ip4:8.8.4.400",
        "ip5:1.2.3.4",
        "include:",
        "ip4:8.8.4.4/33",
        "all:x",
        "a/33",
        "mxx",
        "redirect=",
    ],
)
def test_word_that_is_no_rule_is_quoted(seen, term):
    row = seen(spf(term, "~all"))
    assert row.code == "spf_syntax"
    assert repr(term) in row.evidence
    assert repr(term) in row.fix


def test_two_records_are_merged_in_the_fix(seen):
    row = seen(spf("ip4:8.8.4.4", "mx", "-all"), spf("mx", "include:_spf.google.com", "~all"))
    assert row.code == "spf_several"
    assert "v=spf1 " in row.fix
    assert merged(["v=spf1 mx a -all", "v=spf1 mx ~all"]) == "v=spf1 mx a -all"


def test_record_that_lets_everybody_send_is_a_finding(seen):
    assert seen(spf("ip4:8.8.4.4", "+all")).code == "spf_all_pass"
    assert seen(spf("ip4:8.8.4.4", "all")).code == "spf_all_pass"
    assert seen(spf("redirect=open.example"), spf("all", at="open.example")).code == "spf_all_pass"


def chain(length):
    """Records that include each other in a row; the last one ends it."""
    names = [DOMAIN, *(f"s{at}.example" for at in range(1, length + 1))]
    links = [spf(f"include:{below}", "~all", at=name) for name, below in zip(names, names[1:], strict=False)]
    return [*links, spf("ip4:8.8.4.4", "~all", at=names[-1])]


def test_ten_lookups_are_allowed_and_eleven_are_not(seen):
    assert seen(*chain(10)).result == OK
    row = seen(*chain(11))
    assert row.code == "spf_lookups"
    assert "more than 10" in row.evidence


def test_lookups_are_counted_through_all_that_is_included(examined):
    included = spf("a:a.example", "ip4:1.2.3.4", "exists:%{i}.example", at="_spf.relay.example")
    found = examined(spf("mx", "include:_spf.relay.example", "~all", "a:never.example"), included,
                     mx(DOMAIN, "a.example"), host("a.example", "9.9.9.9"))  # fmt: skip
    assert (found.lookups, found.faults, found.void) == (4, [], [])


def test_two_void_lookups_are_allowed_and_three_are_not(seen):
    assert seen(spf("a:x.example", "mx:y.example", "ip4:8.8.4.4", "~all")).result == OK
    row = seen(spf("a:x.example", "mx:y.example", "a:z.example", "ip4:8.8.4.4", "~all"))
    assert row.code == "spf_void"
    assert "a:z.example" in row.fix


def test_include_without_a_record_breaks_the_whole(seen):
    row = seen(spf("include:gone.example", "ip4:8.8.4.4", "~all"))
    assert row.code == "spf_include"
    assert "include:gone.example" in row.fix


def test_record_that_includes_itself_is_named(seen):
    row = seen(spf("include:a.example"), spf(f"include:{DOMAIN}", at="a.example"))
    assert row.code == "spf_circle"
    assert "the TXT record of a.example (not yours?" in row.fix


def test_mx_of_more_than_ten_hosts_is_an_error(seen):
    hosts = [line for at in range(11) for line in (mx(DOMAIN, f"m{at}.example"), host(f"m{at}.example", "9.9.9.9"))]
    assert seen(spf("mx", "~all"), *hosts).code == "spf_exchangers"


def test_part_that_depends_on_the_single_mail_is_no_false_alarm(seen):
    row = seen(spf("exists:%{i}._spf.firm.example", "-all"))
    assert row.result == OK
    assert "mail by mail" in row.evidence
