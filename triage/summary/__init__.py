"""The figures of a month, a quarter or a year, from a ledger or from the register."""

from triage.summary.charts import charts_of
from triage.summary.counts import Tally
from triage.summary.ledger import read_ledger
from triage.summary.periods import Period
from triage.summary.places import Villages
from triage.summary.report import Rate, Summary, Table, build, summarise
from triage.summary.rows import COLUMNS, Row
from triage.summary.tables import shown
from triage.summary.texts import Words
from triage.summary.writers import WRITERS, write

__all__ = [
    "COLUMNS", "WRITERS", "Period", "Rate", "Row", "Summary", "Table", "Tally", "Villages", "Words", "build",
    "charts_of", "read_ledger", "shown", "summarise", "write",
]  # fmt: skip
