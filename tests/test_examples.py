"""Examples that were copied into the settings as they stand: told as examples, in words that lead further."""

import pytest
from test_mail_config import checked


@pytest.mark.parametrize(
    "sender", ["Interviews <interviews@your-company's-domain>", "interviews@DOMAIN", "Jobs <jobs@your company domain>"]
)
def test_an_example_that_was_copied_as_it_stands_is_told_by_other_words_than_the_example(sender):
    (finding,) = checked(default_from_email=sender).findings
    assert finding.id == "mail.from_placeholder"
    assert "a word of the example" in finding.fix
    assert "interviews@" not in finding.fix
