"""Personal data in a letter: found, and masked before anything is logged, learnt from or exported."""

from triage.privacy.finder import KINDS, PersonalData, PrivacyFinder

__all__ = ["KINDS", "PersonalData", "PrivacyFinder"]
