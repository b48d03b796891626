"""What the customers of each provider publish for their own domain, from the providers' documentation."""

from dataclasses import dataclass

from mailer.providers import Provider


@dataclass(frozen=True, slots=True)
class SendingRecords:
    """`includes` are SPF policies of which one is needed; `selectors` the usual places of a DKIM key.

    `own_envelope` says that the provider puts its own domain, or a subdomain made for it, into the envelope, so that
    the From domain's SPF does not matter and DKIM has to do. `where` is the page that hands out the records.
    """

    includes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    own_envelope: bool = False
    where: str = ""


UNKNOWN = SendingRecords()
RECORDS = {
    "google": SendingRecords(("_spf.google.com",), ("google",), False, "Google Admin console, Authenticate email"),
    "microsoft": SendingRecords(("spf.protection.outlook.com",), ("selector1", "selector2"), False,
                                "Microsoft Defender portal, Email authentication settings, DKIM"),
    "zoho": SendingRecords(("zohomail.com", "zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "one.zoho.com",
                            "zohocloud.ca"), ("zoho", "zmail"), False, "Zoho Mail admin console, Domains"),
    "icloud": SendingRecords(("icloud.com",), ("sig1",), False, "iCloud settings, Custom Email Domain"),
    "yahoo": SendingRecords(("_spf.mail.yahoo.com",), ("s2048", "s1024")),
    "mailgun": SendingRecords(("mailgun.org", "eu.mailgun.org"), ("mta", "mx", "k1", "pic", "smtp", "mailo", "email"),
                              False, "Mailgun, Sending, Domain settings, DNS records"),
    "mailjet": SendingRecords(("spf.mailjet.com",), ("mailjet",), True, "Mailjet, Account settings, Domains"),
    "sendgrid": SendingRecords(("sendgrid.net",), ("s1", "s2"), True, "SendGrid, Settings, Sender Authentication"),
    "brevo": SendingRecords(("spf.brevo.com", "spf.sendinblue.com"), ("brevo1", "brevo2", "mail"), True,
                            "Brevo, Senders, Domains"),
    "mailtrap": SendingRecords((), ("rwmt1", "rwmt2"), True, "Mailtrap, Sending Domains"),
    "resend": SendingRecords((), ("resend",), True, "Resend, Domains"),
    # Each customer of these gets selectors of its own.
    "ses": SendingRecords((), (), True, "Amazon SES console, Identities, DKIM"),
    "postmark": SendingRecords((), (), True, "Postmark, Sender Signatures, DNS Settings"),
    "sparkpost": SendingRecords((), (), True, "SparkPost, Sending Domains"),
    "smtp2go": SendingRecords((), (), True, "SMTP2GO, Verified Senders"),
    "zeptomail": SendingRecords((), (), True, "ZeptoMail, Domains"),
}  # fmt: skip
USUAL_SELECTORS = ("default", "dkim", "mail", "s1", "selector1", "k1")
"""Where servers that are nobody's known product most often keep their key."""


def records_of(provider: Provider) -> SendingRecords:
    """What belongs to a provider; UNKNOWN for one that is not listed."""
    return RECORDS.get(provider.name, UNKNOWN)
