"""What an alert to ops says, and its finished message. What is told of a job is in `store.alerts`."""

from mailer.messages import (
    FAULTS,
    HtmlTemplate,
    NotComposed,
    PlainTemplate,
    check_envelope,
    date_line,
    from_line,
    template,
)
from mailer.parts import Part, assemble, safe_line, unstructured
from store.alerts import Alert
from store.facts import HandOver

SUBJECT_START = "[Interview Ops] "


def subject(alert: Alert) -> str:
    """The subject as people read it."""
    return safe_line(SUBJECT_START + alert.headline)


def compose(alert: Alert, hand_over: HandOver, *, recipient: str, message_id: str, token: str) -> bytes:
    """The finished message, plain text and HTML: CRLF, the same every time. It holds no link. Raises NotComposed."""
    check_envelope(recipient, hand_over, message_id, token, "correct OPS_EMAIL.")
    headers = [
        from_line(hand_over.from_name, hand_over.from_address),
        f"To: {recipient}",
        unstructured("Subject", subject(alert)),
        date_line(hand_over.date),
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
        "Auto-Submitted: auto-generated",
    ]
    text, html = _texts(alert)
    parts = [Part("text/plain; charset=utf-8", text), Part("text/html; charset=utf-8", html)]
    return assemble(headers, parts, f"=_{token}")


def _texts(alert: Alert) -> tuple[str, str]:
    try:
        said = {
            "headline": safe_line(alert.headline),
            "fix": safe_line(alert.fix) or "see below what is known.",
            "facts": [(safe_line(name), safe_line(text)) for name, text in alert.facts.items()],
        }
        plain = template(PlainTemplate, "alert_text").render(said).rstrip() + "\n"
        return plain, template(HtmlTemplate, "alert_html").render(said)
    except FAULTS as error:
        what = f"The words of the alert cannot be made ({type(error).__name__})."
        raise NotComposed("words", what, "check mailer/templates, then queue the mail again.") from error
