"""Text to words: normalise once, segment once."""

from triage.text.analyse import Analyser, Analysis, language

__all__ = ["Analyser", "Analysis", "language"]
