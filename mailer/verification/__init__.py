"""The email verification: does mail work, proven stage by stage, or what is to be changed?

`run` has the one call and what comes of it, `stages` the order, `walk` goes through them; the other modules look.
"""

from mailer.verification.parameters import WrongParameters
from mailer.verification.run import Verification, refused, verify, verify_here
from mailer.verification.walk import Asked

__all__ = ["Asked", "Verification", "WrongParameters", "refused", "verify", "verify_here"]
