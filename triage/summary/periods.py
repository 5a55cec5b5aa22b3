"""A month, a quarter or a year, and the ones it is compared with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from triage.errors import InputError

__all__ = ["Period"]

_SHAPE = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
_MONTHS = {"year": 12, "quarter": 3, "month": 1}


@dataclass(frozen=True, slots=True)
class Period:
    """A span of whole months.

    Attributes
    ----------
    kind : str
        ``"year"``, ``"quarter"`` or ``"month"``.
    first : date
        Its first day.
    """

    kind: str
    first: date

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read ``2026``, ``2026-Q1`` or ``2026-03``.

        Raises
        ------
        InputError
            If it is none of them.

        Examples
        --------
        >>> Period.parse("2026-Q2").last
        datetime.date(2026, 6, 30)
        """
        match = _SHAPE.fullmatch(text.strip().upper())
        # The year before must exist, too, and the day behind the last one.
        if not match or not 1900 <= int(match.group(1)) <= 9000:
            raise InputError("summary_period", found=text[:40], allowed="2026, 2026-Q1, 2026-03")
        year, quarter, month = match.groups()
        if quarter:
            return cls("quarter", date(int(year), 3 * int(quarter) - 2, 1))
        return cls("month", date(int(year), int(month), 1)) if month else cls("year", date(int(year), 1, 1))

    def __str__(self) -> str:
        year = f"{self.first.year:04}"
        if self.kind == "quarter":
            return f"{year}-Q{(self.first.month + 2) // 3}"
        return f"{year}-{self.first.month:02}" if self.kind == "month" else year

    @property
    def last(self) -> date:
        """Its last day."""
        return _shifted(self.first, _MONTHS[self.kind]) - timedelta(days=1)

    @property
    def before(self) -> Period:
        """The period directly before it."""
        return Period(self.kind, _shifted(self.first, -_MONTHS[self.kind]))

    @property
    def year_before(self) -> Period:
        """The same period of the year before."""
        return Period(self.kind, _shifted(self.first, -12))

    def holds(self, day: date) -> bool:
        """Tell whether a day lies in it."""
        return self.first <= day <= self.last

    def name(self, lang: str) -> str:
        """Return it in words.

        Examples
        --------
        >>> Period.parse("2026-Q1").name("zh"), Period.parse("2026-03").name("en")
        ('2026年第一季度', 'March 2026')
        """
        year, month = self.first.year, self.first.month
        if lang == "zh":
            part = {"quarter": f"第{'一二三四'[(month - 1) // 3]}季度", "month": f"{month}月"}.get(self.kind, "")
            return f"{year}年{part}"
        part = {"quarter": f"quarter {(month + 2) // 3} of ", "month": f"{_ENGLISH[month - 1]} "}.get(self.kind, "")
        return f"{part}{year}"


_ENGLISH = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def _shifted(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)
