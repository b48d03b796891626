"""Keys of each kind, as their issuers write them; none was ever issued."""

SESSION_KEY = "k1" + "a2" * 24
BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2] * 2 + ["aB3/xY=="])
ISSUED = [
    ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    (f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----", "a private key"),
    ("AKIA" + "Q" * 16, "an AWS access key"),
    ("ya29." + "a-B_" * 6, "a Google token"),
    ("1//0" + "a-B_" * 8, "a Google token"),
    ("AIza" + "aB3_x" * 7, "a Google token"),
    ("ghp_" + "a1" * 18, "a GitHub token"),
    ("github_pat_" + "a1" * 20, "a GitHub token"),
    (f"SG.{'a' * 22}.{'b' * 43}", "a SendGrid key"),
    ("xoxb-1234567890-abc", "a Slack token"),
    ("eyJhbGciOiJ.eyJzdWIiOiI.abcdefgh_-", "a signed token (JWT)"),
]
"""Each as it is written, and what it is called."""
