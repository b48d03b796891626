"""Whom secured lines trust."""

import ssl
import subprocess

from mailer.certificates import trusting


def test_an_authority_of_ones_own_is_trusted_beside_the_usual_ones(tmp_path):
    path = tmp_path / "authority.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Own", "-days", "2",
                    "-keyout", tmp_path / "key.pem", "-out", path], check=True, capture_output=True, timeout=30)  # fmt: skip
    usual = trusting(None).cert_store_stats()["x509"]
    assert trusting(path).cert_store_stats()["x509"] == usual + 1


def test_nothing_is_left_unverified():
    context = trusting(None)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
