"""Files of letters through the triager: resumable, every letter exactly once."""

from triage.batch.local import run
from triage.batch.summary import Summary
from triage.batch.writers import WRITERS

__all__ = ["WRITERS", "Summary", "run"]
