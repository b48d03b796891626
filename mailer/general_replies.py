"""Replies that Postfix, Exim, Sendmail, qmail, Exchange and most others share; the first that matches decides."""

from mailer.verdicts import DAY, HOUR, LATER, MINUTE, NEVER, PAUSE, Signature

_AFTER_MAIL = ("rcpt", "data", "dot")
_BEFORE_MAIL = ("banner", "ehlo", "starttls", "auth", "mail")
AGAIN = "Nothing to do: it is tried again."
_DNS = "Publish SPF and DKIM for the From domain: run the DNS check."
_GONE = "Address does not exist: correct it in the booking."
_FULL = "Candidate's mailbox is full: phone them."
_ANOTHER = "Ask the candidate for another address."
_RELAY = "This server will not relay for you: log in or use your provider's."
TOO_BIG = (
    "Have the server's limit on the size of a mail raised (it names it as SIZE), or send through another server: an"
    " invitation cannot be made smaller."
)
_FROM = "Set DEFAULT_FROM_EMAIL to an address that this account may send from, and verify it at the provider."

# fmt: off
GENERAL_REPLIES = (
    # Security and login
    Signature("tls.needed", PAUSE, "the server wants TLS first", "Set EMAIL_USE_TLS=True.",
              code="421|4?5[0-9][0-9]",
              words=r"must issue a? ?starttls|starttls (?:is )?(?:required|first)|"
                    r"tls (?:is )?(?:required|needed)|encryption (?:is )?(?:required|needed)"),
    Signature("auth.needed", PAUSE, "no login was sent", "Set EMAIL_HOST_USER and EMAIL_HOST_PASSWORD.", code="530"),
    Signature("relay.denied", PAUSE, "not logged in, or the wrong server", _RELAY,
              code="[45]..",
              words=r"relay(?:ing)?(?: access)? (?:is )?(?:denied|"
                    r"not (?:permitted|allowed)|disallowed|prohibited)|"
                    r"(?:unable|not permitted|refuse[ds]?) to relay|do(?:es)? not relay|mail relay denied|"
                    r"allowed rcpthosts|have permissions? to submit mail"),
    Signature("relay.denied", PAUSE, "not logged in, or the wrong server", _RELAY, code="5..",
              enhanced=r"5\.7\.(?:54|64|94)"),
    Signature("auth.needed", PAUSE, "no login was sent", "Set EMAIL_HOST_USER and EMAIL_HOST_PASSWORD.",
              code="5..",
              words=r"authentication (?:is )?(?:required|needed)|must authenticate|please authenticate|"
                    r"(?:was|is) not authenticated|not logged in|"
                    r"unauthenticated commands"),
    Signature("limit.connections", LATER, "too many connections", "Lower EMAIL_CONNECTIONS.",
              code="4..|5..",
              words=r"too many (?:concurrent |simultaneous )?(?:smtp )?connections|connection rate limit|"
                    r"too frequent connect",
              pause=MINUTE),
    Signature("auth.password_transition", PAUSE, "the server wants the password changed",
              "Log in once in the provider's web page.",
              code="432", phases=("auth",)),
    Signature("auth.temporary", LATER, "the login service is out of order", AGAIN,
              code="4..", phases=("auth",), pause=MINUTE),
    Signature("auth.mechanism", PAUSE, "the server takes no password login",
              "Use the provider's SMTP password login, or another relay.",
              code="50[0-9]|534", phases=("auth",)),
    Signature("auth.wrong", PAUSE, "user or password is wrong", "Correct EMAIL_HOST_USER and EMAIL_HOST_PASSWORD.",
              code="535"),

    # Limits, before mailboxes: a sender's quota is no recipient's full mailbox
    Signature("limit.daily", LATER, "the daily limit is used up",
              "Daily limit reached: the rest goes tomorrow or by another relay.",
              words=r"daily\b.*(?:quota|limit)|(?:quota|limit)\b.*(?:per day|daily|24.?hours?)", pause=DAY),
    Signature("limit.hourly", LATER, "the hourly limit is used up", "Lower EMAIL_RATE, or ask the provider for more.",
              words=r"hourly|per hour", pause=HOUR),
    Signature("limit.plan", PAUSE, "the plan's mails are used up",
              "Raise the plan at the provider: waiting does not help.",
              words=r"monthly\b.*(?:quota|limit)|(?:out of|insufficient|no) credits|"
                    r"credits? (?:expired|exceeded)|payment required"),
    Signature("limit.rate", LATER, "mails come too fast", "Lower EMAIL_RATE.",
              words=r"too many (?:e-?mails|messages|requests)|too (?:fast|quickly)|rate.?limit|throttl|"
                    r"slow down|sending rate|submission rate", pause=5 * MINUTE),
    Signature("recipients.too_many", LATER, "too many recipients in one go", AGAIN,
              code="45[0-9]", enhanced=r"4\.5\.3"),
    Signature("grey", LATER, "greylisting: unknown senders must come again", AGAIN,
              code="4..", words=r"gr[ae]y.?list|postgrey", pause=5 * MINUTE),
    Signature("address.blocklist", LATER, "this machine's IP address is on a block list",
              "Send through your provider's relay, or have the address delisted (check.spamhaus.org).",
              code="4..", words=r"spamhaus|blocked using|black ?list|block ?list|\brbl\b|dnsbl|spamcop|barracuda",
              pause=HOUR),
    Signature("grey", LATER, "greylisting or a passing refusal", AGAIN,
              code="45[01]", enhanced=r"4\.7\.1", phases=_AFTER_MAIL, pause=5 * MINUTE),

    # Recipient
    Signature("recipient.utf8", NEVER, "the server takes no non-ASCII address",
              "Server cannot take this address: ask candidate for an ASCII one.", code="5..", enhanced=r"5\.6\.7"),
    Signature("message.too_big", NEVER, "the mail is too big", TOO_BIG,
              code="5..", enhanced=r"5\.3\.4|5\.2\.3"),
    Signature("message.too_big", NEVER, "the mail is too big", TOO_BIG,
              code="5..",
              words=r"(?:message|size|mail|file)\b.*(?:exceeds|exceeded|too (?:big|large|long))|exceeds.*size"),
    Signature("recipient.full", LATER, "the mailbox is full", _FULL, code="4..", enhanced=r"4\.2\.2", pause=HOUR),
    Signature("recipient.full", NEVER, "the mailbox is full", _FULL, code="5..", enhanced=r"5\.2\.2",
              phases=_AFTER_MAIL),
    Signature("recipient.full", LATER, "the mailbox is full", _FULL, code="4..", phases=_AFTER_MAIL,
              words=r"mailbox (?:is )?full|over ?quota|quota exceeded|exceeded (?:its |the )?(?:storage|quota)",
              pause=HOUR),
    Signature("recipient.full", NEVER, "the mailbox is full", _FULL, code="5..", phases=_AFTER_MAIL,
              words=r"mailbox (?:is )?full|over ?quota|quota exceeded|exceeded (?:its |the )?(?:storage|quota)"),
    Signature("recipient.no_mail_domain", NEVER, "the domain takes no mail", _ANOTHER, code="556|521"),
    Signature("recipient.no_mail_domain", NEVER, "the domain takes no mail", _ANOTHER, code="55[0-9]",
              phases=_AFTER_MAIL,
              words=r"null ?mx|does not accept mail|no mx\b|host or domain name not found|unrouteable|unroutable"),
    Signature("recipient.bad_domain", NEVER, "the address's domain does not exist", _GONE, code="5..",
              enhanced=r"5\.1\.2", phases=_AFTER_MAIL),
    Signature("recipient.moved", NEVER, "the mailbox has moved", _ANOTHER, code="551", phases=_AFTER_MAIL),
    Signature("recipient.moved", NEVER, "the mailbox has moved", _ANOTHER, code="5..", enhanced=r"5\.1\.6",
              phases=_AFTER_MAIL),
    Signature("recipient.disabled", NEVER, "the mailbox is switched off", _ANOTHER, code="5..", enhanced=r"5\.2\.1",
              phases=_AFTER_MAIL),
    Signature("recipient.unknown", NEVER, "no such mailbox", _GONE, code="5..", enhanced=r"5\.1\.[01]",
              phases=_AFTER_MAIL),
    Signature("recipient.unknown", NEVER, "no such mailbox", _GONE, code="5..", phases=_AFTER_MAIL,
              words=r"(?:user|recipient|mailbox|address|account) (?:is )?"
                    r"(?:unknown|not found|unavailable|does ?n[o']t exist)|"
                    r"(?:unknown|invalid|no such) (?:user|recipient|mailbox|address|account)|no mailbox here|"
                    r"does not exist"),
    Signature("recipient.syntax", NEVER, "the server finds the address malformed", _GONE, code="5..",
              enhanced=r"5\.1\.3", phases=_AFTER_MAIL),
    Signature("recipient.unsure", LATER, "the server cannot tell yet whether the mailbox exists",
              AGAIN,
              code="45[0-9]", enhanced=r"4\.1\.1|4\.2\.[01]", pause=5 * MINUTE),

    # Sender; Postfix and Exim say it as late as RCPT
    Signature("sender.unauthenticated", PAUSE, "the From domain fails SPF, DKIM or DMARC", _DNS,
              code="5..", words=r"\b(?:spf|dkim|dmarc)\b|unauthenticated (?:e-?)?mail|sender policy framework"),
    Signature("sender.unauthenticated", PAUSE, "the From domain fails SPF, DKIM or DMARC", _DNS, code="5..",
              enhanced=r"5\.7\.2[0-46]"),
    Signature("sender.not_verified", PAUSE, "the From address is not verified, or is not this account's", _FROM,
              code="403|5..",
              words=r"not verified|unverified|not (?:been )?(?:validated|confirmed)|not owned by|"
                    r"sender (?:address )?(?:rejected|denied|verify failed|"
                    r"not (?:allowed|authori[sz]ed|valid))|invalid sender|"
                    r"not (?:allowed|authori[sz]ed|permitted) to send|from address.*(?:match|not|rejected)|"
                    r"send as"),
    Signature("sender.not_verified", PAUSE, "the From address is not verified, or is not this account's", _FROM,
              code="403"),
    Signature("sender.bad_domain", PAUSE, "the From address's domain does not exist or takes no mail", _FROM,
              code="5..", enhanced=r"5\.1\.[78]|5\.7\.27"),
    Signature("sender.bad_domain", PAUSE, "the From address's domain does not exist", _FROM, code="5..",
              words="domain of sender"),
    Signature("sender.domain_lookup", LATER, "the From address's domain cannot be looked up",
              "If it stays so, check the domain of DEFAULT_FROM_EMAIL and its DNS.", code="4..", enhanced=r"4\.1\.8",
              pause=5 * MINUTE),
    Signature("sender.blocked", PAUSE, "this account or sender is blocked",
              "Ask the provider why the account is blocked.",
              code="5..", phases=(*_BEFORE_MAIL, "dot"),
              words=r"(?:account|user|sender|mailbox) (?:is |has been )?(?:blocked|suspended|disabled|banned|locked)"),

    # This machine's address
    Signature("address.blocklist", PAUSE, "this machine's IP address is on a block list",
              "Send through your provider's relay, or have the address delisted (check.spamhaus.org).",
              code="5..",
              words=r"spamhaus|blocked using|black ?list|block ?list|\brbl\b|dnsbl|spamcop|barracuda|"
                    r"\blisted (?:at|in|on|by)\b"),
    Signature("address.reverse_dns", PAUSE, "this machine's IP address has no proper name",
              "Send through your provider's relay, or set a PTR record for the address.",
              code="5..", words=r"reverse dns|\bptr\b|fully.?qualified host|helo command rejected|invalid helo"),
    Signature("address.reverse_dns", PAUSE, "this machine's IP address has no proper name",
              "Send through your provider's relay, or set a PTR record for the address.", code="5..",
              enhanced=r"5\.7\.25"),

    Signature("address.reverse_dns", LATER, "this machine's IP address has no proper name, or none just now",
              "If it stays so, send through your provider's relay, or set a PTR record for the address.", code="4..",
              enhanced=r"4\.7\.25", pause=5 * MINUTE),

    # Content
    Signature("content.virus", NEVER, "the server takes the mail for malware",
              "Look at the mail's text and links; ask the provider why.",
              code="5..", words=r"virus|malware|infected|phish"),
    Signature("content.spam", NEVER, "the server takes the mail for spam",
              "Look at the mail's text and links, check SPF, DKIM and DMARC, and ask the provider why.",
              code="5..", words=r"\bspam|unsolicited|message content|content (?:was )?rejected|high probability"),

    # The server itself
    Signature("server.no_service", PAUSE, "no mail service for this machine here",
              "Check EMAIL_HOST and EMAIL_PORT; ask the server's operator.",
              code="5..", phases=("banner", "ehlo")),
    Signature("server.storage", LATER, "the server has no room or no strength", AGAIN,
              code="4..", enhanced=r"4\.3\.1|4\.4\.5", pause=5 * MINUTE),
    Signature("server.closing", LATER, "the server is closing the connection", AGAIN,
              code="421"),
    Signature("server.sequence", PAUSE, "the server does not understand what it was sent",
              "Check EMAIL_HOST and EMAIL_PORT: is this a mail server for sending?", code="50[0234]"),
)
# fmt: on
