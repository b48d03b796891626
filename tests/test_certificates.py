"""Whom secured lines trust."""

import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from conftest import need

from mailer.certificates import encryption_of, trusting

NAMES = """[req]
distinguished_name=name
prompt=no
x509_extensions=names
[name]
CN=Own
[names]
subjectAltName=DNS:localhost,IP:127.0.0.1,dirName:name,email:asha.rao@acme.in,URI:http://user:pw@x/,RID:1.2.3
"""


def test_an_authority_of_ones_own_is_trusted_beside_the_usual_ones(tmp_path):
    path = tmp_path / "authority.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Own", "-days", "2",
                    "-keyout", tmp_path / "key.pem", "-out", path], check=True, capture_output=True, timeout=30)  # fmt: skip
    usual = trusting(None).cert_store_stats()["x509"]
    assert trusting(path).cert_store_stats()["x509"] == usual + 1


def test_nothing_is_left_unverified():
    context = trusting(None)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.fixture
def secured(tmp_path):
    """A line that is secured by a certificate with names of every kind."""
    need(shutil.which("openssl"), "openssl is not installed")
    settings, key, path = tmp_path / "names", tmp_path / "key.pem", tmp_path / "own.pem"
    settings.write_text(NAMES)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-config", settings, "-days", "2",
                    "-keyout", key, "-out", path], check=True, capture_output=True, timeout=30)  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    ours, theirs = socket.socketpair()
    server = threading.Thread(target=lambda: context.wrap_socket(theirs, server_side=True).close())
    server.start()
    with trusting(path).wrap_socket(ours, server_hostname="localhost") as line:
        yield line
    server.join(5)


def test_a_certificate_is_shown_by_the_hosts_that_it_is_for(secured):
    encryption = encryption_of(secured)
    assert (encryption.names, encryption.issuer) == (("localhost", "127.0.0.1"), "Own")
