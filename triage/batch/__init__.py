"""Files of letters through the triager: resumable, every letter exactly once."""

from triage.batch.dask_engine import Dask, cluster
from triage.batch.local import Local, alone
from triage.batch.runner import run
from triage.batch.sources import expected_letters
from triage.batch.summary import Summary
from triage.batch.watcher import watch
from triage.batch.writers import WRITERS

__all__ = ["WRITERS", "Dask", "Local", "Summary", "alone", "cluster", "expected_letters", "run", "watch"]
