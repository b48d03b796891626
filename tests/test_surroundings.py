"""The settings around the mail server: the mailbox read back, the name server, the signing key."""

import subprocess

import pytest
from conftest import need
from test_mail_config import GOOD, LOCAL, checked, ids

from mailer.account import NameServer
from mailer.token_providers import is_installed

IMAP = {**GOOD, "imap_host": "imap.acme.in", "imap_user": "box@acme.in", "imap_password": "canary box"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The path of a private RSA key of so many bits."""
    need(is_installed("dkim"), "dkimpy is not installed (pip install -e '.[dkim]')")
    folder = tmp_path_factory.mktemp("dkim")

    def made(bits):
        path = folder / f"{bits}.pem"
        if not path.exists():
            subprocess.run(["openssl", "genrsa", "-out", path, str(bits)], check=True, capture_output=True, timeout=30)
        return path

    return made


@pytest.fixture
def dkim(keys):
    path = keys(2048)
    return {**GOOD, "dkim_domain": "Acme.in", "dkim_selector": "s1", "dkim_private_key_file": str(path)}


# IMAP


def test_without_imap_settings_no_mailbox_is_read_back():
    assert (checked().imap, checked().name_server, checked().usable().dkim) == (None, None, None)


def test_a_mailbox_is_read_by_tls_on_its_own_port_unless_said_otherwise():
    imap = checked(base=IMAP, imap_folders="INBOX, Junk,").imap
    assert (imap.host, imap.port, imap.security, imap.user) == ("imap.acme.in", 993, "ssl", "box@acme.in")
    assert (imap.password.get_secret_value(), imap.folders, imap.timeout) == ("canary box", ("INBOX", "Junk"), 30)
    assert "canary" not in repr(checked(base=IMAP))


def test_folders_without_a_mailbox_are_warned_of():
    assert ids(checked(imap_folders="INBOX").warnings) == ["mail.imap_folders_unused"]
    assert checked(base=IMAP, imap_folders="INBOX").warnings == ()


@pytest.mark.parametrize(
    ("port", "word", "meant", "repairs"),
    [
        ("", "starttls", (143, "starttls"), []),
        ("143", "", (143, "starttls"), []),
        ("143", "ssl", (143, "starttls"), ["mail.imap_security_wrong"]),
        ("993", "STARTTLS", (993, "ssl"), ["mail.imap_security_wrong"]),
        ("10993", "tls", (10993, "ssl"), []),
    ],
)
def test_port_and_security_of_a_mailbox_are_resolved_and_said_so(port, word, meant, repairs):
    result = checked(base=IMAP, imap_port=port, imap_security=word)
    assert ((result.imap.port, result.imap.security), ids(result.repairs)) == (meant, repairs)


@pytest.mark.parametrize(
    ("setting", "value", "finding"),
    [
        ("imap_host", "", "mail.imap_host_missing"),
        ("imap_host", "imap.example.com", "mail.imap_host_placeholder"),
        ("imap_host", "imaps://imap.acme.in", "mail.imap_host_invalid"),
        ("imap_port", "99999", "mail.imap_port_wrong"),
        ("imap_security", "maybe", "mail.imap_security_wrong"),
        ("imap_security", "plain", "mail.imap_plain_to_remote"),
        ("imap_user", "", "mail.imap_user_missing"),
        ("imap_user", "you@example.com", "mail.imap_user_placeholder"),
        ("imap_password", "", "mail.imap_password_missing"),
        ("imap_password", "changeme", "mail.imap_password_placeholder"),
    ],
)
def test_a_mistyped_setting_of_the_mailbox_is_the_one_finding(setting, value, finding):
    result = checked(base=IMAP, **{setting: value})
    assert (ids(result.findings), result.imap) == ([finding], None)


def test_plain_text_is_fine_for_a_mailbox_on_this_machine():
    imap = checked(base={**IMAP, **LOCAL}, imap_host="127.0.0.1", imap_security="plain").imap
    assert (imap.port, imap.security) == (143, "plain")


def test_spaces_in_a_gmail_app_password_are_dropped_here_too():
    result = checked(base=IMAP, imap_host="imap.gmail.com", imap_password="abcd efgh ijkl mnoq")
    assert result.imap.password.get_secret_value() == "abcdefghijklmnoq"
    assert ids(result.repairs) == ["mail.imap_app_password_spaces"]


@pytest.mark.parametrize(("user", "shared"), [("", True), ("OPS@acme.in", True), ("box@acme.in", False)])
def test_the_senders_own_mailbox_is_read_with_the_senders_tokens(user, shared):
    tokens = {"email_auth": "xoauth2", "email_host_password": "", "email_token_command": "sh -c true"}
    result = checked(base=IMAP, imap_user=user, imap_password="", **tokens)
    if shared:
        assert (result.imap.user, result.imap.token) == ("ops@acme.in", result.usable().token)
    else:
        assert ids(result.findings) == ["mail.imap_password_missing"]


# Name server


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1:5353", NameServer("127.0.0.1", 5353)),
        ("10.0.0.2", NameServer("10.0.0.2", 53)),
        ("[::1]:5353", NameServer("::1", 5353)),
        ("::1", NameServer("::1", 53)),
    ],
)
def test_a_name_server_is_an_address_with_or_without_a_port(text, server):
    assert checked(dns_server=text).name_server == server
    assert checked(email_backend="sandbox", dns_server=text).name_server == server


@pytest.mark.parametrize("text", ["dns.acme.in", "10.0.0.2:0", "10.0.0.2:x", "10.0.0.2:99999", ":53", "[::1"])
def test_what_is_no_address_of_a_name_server_is_a_finding(text):
    assert ids(checked(dns_server=text).findings) == ["mail.dns_server_wrong"]


# DKIM


def test_a_signing_key_is_read_from_its_file_and_not_shown(dkim, keys):
    result = checked(base=dkim)
    key = result.usable().dkim
    assert (key.domain, key.selector) == ("acme.in", "s1")
    assert key.private_key.get_secret_value() == keys(2048).read_text()
    assert "canary" not in repr(result)


@pytest.mark.parametrize(
    ("changes", "findings"),
    [
        ({"dkim_domain": ""}, ["mail.dkim_domain_missing"]),
        ({"dkim_selector": "", "dkim_private_key_file": ""},
         ["mail.dkim_selector_missing", "mail.dkim_private_key_file_missing"]),
        ({"dkim_domain": "https://acme.in"}, ["mail.dkim_domain_invalid"]),
        ({"dkim_selector": "s 1"}, ["mail.dkim_selector_invalid"]),
        ({"dkim_private_key_file": "no/such/key.pem"}, ["mail.dkim_key_unusable"]),
        ({"dkim_private_key_file": "pyproject.toml"}, ["mail.dkim_key_unusable"]),
    ],
)  # fmt: skip
def test_a_signing_key_is_whole_or_a_finding(dkim, changes, findings):
    assert ids(checked(base=dkim, **changes).findings) == findings


def test_a_file_that_is_no_signing_key_is_named(dkim):
    [finding] = checked(base=dkim, dkim_private_key_file="pyproject.toml").findings
    assert (
        finding.what
        == "DKIM_PRIVATE_KEY_FILE=pyproject.toml cannot be used: it holds no private RSA key that can be read."
    )


def test_a_key_that_receivers_ignore_is_a_finding_and_a_weak_one_a_warning(dkim, keys):
    assert ids(checked(base=dkim, dkim_private_key_file=str(keys(768))).findings) == ["mail.dkim_key_short"]
    assert ids(checked(base=dkim, dkim_private_key_file=str(keys(1024))).warnings) == ["mail.dkim_key_short"]


def test_a_signature_that_dmarc_does_not_count_is_warned_of(dkim):
    assert ids(checked(base=dkim, dkim_domain="mailer.example.net").warnings) == ["mail.dkim_not_aligned"]
    assert checked(base=dkim, dkim_domain="mail.acme.in").warnings == ()


def test_the_signing_library_that_is_not_installed_is_a_finding(dkim, monkeypatch):
    monkeypatch.setattr("mailer.config.surroundings.is_installed", lambda module: False)
    (finding,) = checked(base=dkim).findings
    assert (finding.id, '".[dkim]"' in finding.fix) == ("mail.dkim_library_missing", True)


def test_another_signing_key_lifts_a_pause(dkim):
    fingerprints = {checked(base=base).usable().fingerprint for base in (GOOD, dkim, {**dkim, "dkim_selector": "s2"})}
    assert len(fingerprints) == 3
