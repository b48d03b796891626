"""The stage of domain names: what is found at a real name server, in how many rows, in which time, and what to do."""

import socket
import time
from base64 import b64encode

import name_server
import pytest
from name_server import SlowServer, dnsmasq, host, mx, null_mx, txt

from mailer.account import SMTP, STARTTLS, Account
from mailer.verification import from_domain
from mailer.verification.dns_checks import DKIM, DMARC, FROM_DOMAIN, HOST, MX, SPF, check_dns
from mailer.verification.dns_questions import Questions, resolved
from mailer.verification.stages import DNS, FAILED, NOT_RUN, OK, WARNING, results

DOMAIN = "firm.example"
SERVER = "8.8.4.4"  # an address is its own name, so that nobody is asked for it
GOOD_SPF, GOOD_DMARC = txt(DOMAIN, f"v=spf1 ip4:{SERVER} -all"), txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject")
GOOD_MX = (mx(DOMAIN, f"in.{DOMAIN}"), host(f"in.{DOMAIN}", "192.0.2.7"))


def der(tag, content):
    size = len(content)
    return bytes([tag, 0x82]) + size.to_bytes(2, "big") + content


def key_text(bits=2048, more=""):
    """A published RSA key of so many bits; nobody needs its private half here."""
    modulus = (1 << (bits - 1) | 1).to_bytes(bits // 8 + 1, "big")
    bare = der(0x30, der(0x02, modulus) + bytes([2, 3, 1, 0, 1]))
    whole = der(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + der(0x03, b"\0" + bare))
    return f"v=DKIM1; k=rsa; {more}p={b64encode(whole).decode()}"


GOOD_DKIM = txt(f"mail._domainkey.{DOMAIN}", key_text())
GOOD = (*GOOD_MX, GOOD_SPF, GOOD_DKIM, GOOD_DMARC)


def account(server=SERVER, sender=f"jobs@{DOMAIN}", **more):
    return Account(SMTP, server, 587, STARTTLS, sender, **more)


@pytest.fixture
def rows_of(tmp_path):
    """Checks an account against a name server with these records; rows by title."""

    def rows_of(*records, server=SERVER, selectors=("mail",), **more):
        with dnsmasq(tmp_path, *records) as here:
            rows = check_dns(account(server, **more), here, dkim_selectors=selectors, began=time.monotonic())
        return {row.title: row for row in rows}

    return rows_of


@pytest.fixture
def seen(tmp_path):
    """What one look makes of these records, for a mail server that is not looked up."""

    def seen(look, *records, server="smtp.relay.example", hosts=(), sender=f"jobs@{DOMAIN}", selectors=()):
        who = from_domain.Sender(account(server, sender), tuple(hosts), selectors)
        with dnsmasq(tmp_path, *records) as here:
            return look(who, Questions(here))

    return seen


def test_domain_with_all_its_records_has_nothing_to_do(rows_of):
    rows = rows_of(*GOOD)
    assert [(title, row.result) for title, row in rows.items()] == [(t, OK) for t in (HOST, MX, SPF, DKIM, DMARC)]
    assert rows[HOST].evidence == f"{SERVER} is {SERVER}"
    assert f"it covers {SERVER}" in rows[SPF].evidence
    assert rows[DKIM].evidence == f"2048 bit RSA key at mail._domainkey.{DOMAIN}"
    assert all(row.seconds >= 0 and row.begun >= 0 and row.stage == DNS for row in rows.values())


def test_domain_without_records_has_a_warning_for_each_with_what_to_add(rows_of):
    rows = rows_of(host(DOMAIN, "192.0.2.1"))
    found = [rows[title].code for title in (MX, SPF, DKIM, DMARC)]
    assert found == ["mx_missing", "spf_missing", "dkim_missing", "dmarc_missing"]
    assert f"name {DOMAIN} (many forms want only @), value: v=spf1 ip4:{SERVER} ~all" in rows[SPF].fix
    assert f"name _dmarc.{DOMAIN} (many forms want only _dmarc), value: v=DMARC1; p=none" in rows[DMARC].fix
    assert f"mail._domainkey.{DOMAIN}" in rows[DKIM].fix
    assert results(rows.values()) == {DNS: WARNING}


def test_only_the_host_can_fail_the_stage(rows_of):
    rows = rows_of(*GOOD, server="m" * 64 + ".example")
    assert (rows[HOST].result, rows[HOST].code) == (FAILED, "host_unknown")
    assert "EMAIL_HOST" in rows[HOST].fix
    assert rows[MX].result == rows[DKIM].result == rows[DMARC].result == OK


def test_domain_that_does_not_exist_is_one_finding(rows_of):
    rows = rows_of(host("other.example", "192.0.2.1"))
    assert (rows[MX].result, rows[MX].code) == (WARNING, "from_domain_unknown")
    assert "DEFAULT_FROM_EMAIL" in rows[MX].fix
    assert [rows[title].result for title in (SPF, DKIM, DMARC)] == [NOT_RUN] * 3


@pytest.mark.parametrize(
    ("sender", "result", "said"),
    [
        ("jobs@acme.in", WARNING, "MX, SPF, DKIM and DMARC of acme.in were not asked for"),
        ("jobs@acme.test", OK, "not needed: acme.test exists for trials only"),
        ("jobs@sandbox.EXAMPLE", OK, "not needed: sandbox.example exists for trials only"),
        ("jobs@test.acme.in", WARNING, "of test.acme.in were not asked for"),
    ],
)
def test_server_on_this_machine_is_a_warning_without_a_name_server_where_receivers_may_be_elsewhere(
    sender, result, said
):
    host_row, row = check_dns(account("127.0.0.1", sender), None, began=time.monotonic())
    assert (host_row.title, host_row.result, row.title, row.result) == (HOST, OK, FROM_DOMAIN, result)
    assert said in row.evidence
    assert ("DNS_SERVER" in row.fix) == (result == WARNING)


def test_server_on_this_machine_can_be_wholly_green_with_a_name_server(rows_of):
    rows = rows_of(*GOOD_MX, txt(DOMAIN, "v=spf1 mx -all"), GOOD_DKIM, GOOD_DMARC, server="127.0.0.1")
    assert {row.result for row in rows.values()} == {OK}
    assert "no public address" in rows[SPF].evidence


# Time.


def test_silent_name_server_is_one_finding_after_one_question():
    with SlowServer() as silent:
        began = time.monotonic()
        rows = check_dns(account(), silent.name_server, began=began, seconds=0.3, total=5)
        took = time.monotonic() - began
    assert [row.result for row in rows] == [OK, WARNING, NOT_RUN, NOT_RUN, NOT_RUN]
    assert rows[1].code == "dns_silent"
    assert "DNS_SERVER" in rows[1].fix
    assert 0.3 <= rows[1].seconds <= took < 5


def test_slow_name_server_is_given_up_when_all_questions_together_took_too_long():
    with SlowServer(0.12) as slow:
        began = time.monotonic()
        rows = check_dns(account(), slow.name_server, began=began, seconds=2, total=0.4)
    assert time.monotonic() - began < 5
    assert [row.code for row in rows].count("dns_silent") == 1
    assert rows[-1].result == NOT_RUN
    assert slow.asked <= 5


def test_stated_bounds_are_five_seconds_a_question_and_fifteen_for_all():
    assert (check_dns.__kwdefaults__["seconds"], check_dns.__kwdefaults__["total"]) == (5, 15)


def test_name_server_that_refuses_is_one_finding(tmp_path):
    with dnsmasq(tmp_path, refuses=True) as here:
        rows = check_dns(account(), here, began=time.monotonic())
    assert [row.result for row in rows] == [OK, WARNING, NOT_RUN, NOT_RUN, NOT_RUN]
    assert rows[1].code == "dns_no_answer"


def test_name_service_of_this_machine_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(8) or [])
    began = time.monotonic()
    rows = check_dns(account("smtp.firm.example"), None, began=began, seconds=0.1)
    assert time.monotonic() - began < 5
    assert [row.result for row in rows] == [FAILED, NOT_RUN, NOT_RUN, NOT_RUN, NOT_RUN]
    assert rows[0].code == "host_dns_silent"


def test_host_is_resolved_as_a_connection_will_do_it():
    assert "127.0.0.1" in map(str, resolved("localhost"))
    with pytest.raises(socket.gaierror):
        resolved("m" * 64 + ".example")


# MX.


def test_null_mx_loses_replies(rows_of):
    row = rows_of(*GOOD[2:], null_mx(DOMAIN))[MX]
    assert (row.code, row.result) == ("mx_null", WARNING)
    assert "replies are lost" in row.evidence


def test_mx_that_names_a_host_without_address_is_named(rows_of):
    row = rows_of(*GOOD, mx(DOMAIN, "gone.firm.example", 20))[MX]
    assert row.code == "mx_dead"
    assert "gone.firm.example" in row.fix


# DKIM.


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("v=DKIM1; k=rsa; p=", "dkim_revoked"),
        ("v=DKIM1; k=rsa; p=MIIB", "dkim_unusable"),
        ("v=DKIM1; k=dsa; p=MIIB", "dkim_unusable"),
        ("hello", "dkim_unusable"),
        (key_text(more="h=sha1; "), "dkim_unusable"),
        (key_text(more="s=tlsrpt; "), "dkim_unusable"),
        (key_text(512), "dkim_unusable"),
        (key_text(1024), "dkim_short"),
        (key_text(2048), ""),
        ("v=DKIM1; k=ed25519; p=" + b64encode(bytes(32)).decode(), ""),
    ],
)
def test_published_key_is_judged(seen, record, code):
    row = seen(from_domain.dkim, txt(f"mail._domainkey.{DOMAIN}", record), selectors=("mail",))
    assert row.code == code
    assert bool(row.fix) is bool(code)


def test_two_keys_at_one_selector_count_as_none(seen):
    place = f"mail._domainkey.{DOMAIN}"
    row = seen(from_domain.dkim, txt(place, key_text()), txt(place, key_text(1024)), selectors=("mail",))
    assert row.code == "dkim_several"


def test_one_good_key_is_enough_among_the_providers_selectors(seen):
    places = [txt(f"selector1._domainkey.{DOMAIN}", "v=DKIM1; p="), txt(f"selector2._domainkey.{DOMAIN}", key_text())]
    row = seen(from_domain.dkim, *places, server="smtp.office365.com")
    assert (row.code, row.evidence) == ("", f"2048 bit RSA key at selector2._domainkey.{DOMAIN}")


def test_missing_key_of_a_known_provider_says_where_to_switch_it_on(seen):
    row = seen(from_domain.dkim, server="smtp.gmail.com")
    assert row.code == "dkim_missing"
    assert "Google Admin console" in row.fix
    assert f"google._domainkey.{DOMAIN}" in row.fix


def test_selector_that_nobody_can_guess_is_asked_for_and_no_alarm_where_it_is_always_so(seen):
    assert seen(from_domain.dkim).code == "dkim_not_found"
    row = seen(from_domain.dkim, server="email-smtp.eu-west-1.amazonaws.com")
    assert (row.code, row.result) == ("", OK)


# DMARC.


@pytest.mark.parametrize(
    ("records", "code", "words"),
    [
        (["v=DMARC1; p=none; rua=mailto:d@firm.example"], "", "p=none"),
        (["v=DMARC1; p=quarantine"], "", "go to spam"),
        (["v=DMARC1"], "dmarc_policy", "names no policy"),
        (["v=DMARC1; p=maybe"], "dmarc_policy", "names no policy"),
        (["v=DMARC1; p=none; p=reject"], "dmarc_policy", "names no policy"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "dmarc_several", "2 DMARC records"),
        (["v=spf1 -all"], "dmarc_missing", "no DMARC record"),
    ],
)
def test_policy_is_judged(seen, records, code, words):
    row = seen(from_domain.dmarc, *[txt(f"_dmarc.{DOMAIN}", record) for record in records])
    assert row.code == code
    assert words in row.evidence


def test_policy_of_the_domain_above_holds_below_it(seen):
    record = txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=none; sp=reject")
    row = seen(from_domain.dmarc, record, sender=f"jobs@eu.careers.{DOMAIN}")
    assert row.evidence.startswith(f"p=reject at _dmarc.{DOMAIN}")


def test_records_longer_than_one_string_are_joined(seen):
    assert len(key_text()) > 255
    row = seen(from_domain.dkim, txt(f"mail._domainkey.{DOMAIN}", key_text(4096)), selectors=("mail",))
    assert row.evidence.startswith("4096 bit RSA")


def test_name_server_is_asked_at_its_own_port(tmp_path):
    with dnsmasq(tmp_path, txt(DOMAIN, "here")) as here:
        assert here.port != 53
        assert Questions(here).texts(DOMAIN) == ["here"]
    assert name_server.NameServer is type(here)
