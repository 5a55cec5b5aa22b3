"""Charts as data: what a browser draws, what its table shows and what its CSV holds are one and the same."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlencode

from service.routes.register import StatisticsOut
from service.web.figures import WEEK, Figures
from service.web.pages import Page

__all__ = ["Chart", "Span", "charts_of"]

_DAYS, _WEEKS = 92, 731  # up to so many days a point is a day, then a week, then a month
_LONG_AGO = date(1900, 1, 1)
_MOST = 20  # bars; the table and the CSV have all


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes
    ----------
    kind : str
        ``bars`` (one beside another), ``rows`` (one below another) or ``line``.
    names : list of str
        Of the points.
    series : list of (str, list)
        Name and values, one a point.
    links : list of str
        Where the letters of a point are; ``""`` where a caller may read none.
    """

    key: str
    title: str
    unit: str
    kind: str
    axis: str
    names: list[str]
    series: list[tuple[str, list[float]]]
    links: list[str]

    def drawn(self) -> dict[str, Any]:
        """Return what the browser needs to draw it."""
        most = _MOST if self.kind == "rows" else len(self.names)
        return {
            "key": self.key, "title": self.title, "unit": self.unit, "kind": self.kind, "axis": self.axis,
            "names": self.names[:most], "links": self.links[:most],
            "series": [{"name": name, "values": values[:most]} for name, values in self.series],
        }  # fmt: skip

    def rows(self) -> Iterable[tuple[str, str, list[float]]]:
        """Yield name, link and values of each point."""
        for place, name in enumerate(self.names):
            yield name, self.links[place], [values[place] for _, values in self.series]

    def csv(self) -> str:
        """Return it as CSV that a spreadsheet opens as UTF-8 and does not run."""
        file = StringIO()
        writer = csv.writer(file)
        writer.writerow([self.axis, *(f"{name} ({self.unit})" for name, _ in self.series)])
        for name, _, values in self.rows():
            writer.writerow([f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name, *values])
        return "\ufeff" + file.getvalue()


@dataclass(frozen=True)
class Span:
    """The range of days that is looked at."""

    first: date
    last: date

    def query(self, **filters: str) -> str:
        """Return the queue's own words for letters of this range, of any status unless one is named."""
        dates = {"received_from": self.first.isoformat(), "received_to": self.last.isoformat()}
        return urlencode({"status": "any"} | filters | dates)


class _Maker:
    """Makes the charts of one page."""

    def __init__(self, page: Page, span: Span, statistics: StatisticsOut, found: Figures, today: date) -> None:
        self._page, self._span, self._statistics, self._found, self._today = page, span, statistics, found, today
        self._t = page.t

    def _link(self, span: Span | None = None, /, **filters: str) -> str:
        return f"/queue?{(span or self._span).query(**filters)}" if self._page.caller.may("letters:read") else ""

    def _chart(
        self, key: str, kind: str, names: list[str], series: list[tuple[str, list[float]]], links: list[str],
        unit: str = "items",
    ) -> Chart:  # fmt: skip
        title, axis = self._t(f"dashboard.chart_{key}"), self._t(f"dashboard.axis_{key}")
        return Chart(key, title, self._t(f"dashboard.unit_{unit}"), kind, axis, names, series, links)

    def _points(self) -> list[Span]:
        """Cut the range into days, weeks or months."""
        length = (self._span.last - self._span.first).days + 1
        points, day = [], self._span.first
        while day <= self._span.last:
            if length <= _DAYS:
                end = day
            elif length <= _WEEKS:
                end = day + WEEK - timedelta(days=1)
            else:
                end = (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            points.append(Span(day, min(end, self._span.last)))
            day = end + timedelta(days=1)
        return points

    def inflow(self) -> Chart:
        points = self._points()
        came = [_sum(self._found.received, one) for one in points]
        gone = [_sum(self._found.answered, one) for one in points]
        names = [one.first.isoformat() for one in points]
        series = [(self._t("dashboard.received"), came), (self._t("dashboard.answered"), gone)]
        return self._chart("inflow", "bars", names, series, [self._link(one) for one in points])

    def backlog(self) -> Chart:
        points, waiting, levels = self._points(), float(self._found.backlog), list[float]()
        for one in points:
            waiting += _sum(self._found.received, one) - _sum(self._found.answered, one)
            levels.append(waiting)
        names = [one.last.isoformat() for one in points]
        # Only what waits now can be listed: of an earlier day's, much has been answered since.
        now = self._link(Span(_LONG_AGO, self._span.last), status="waiting")
        links = ["" if one.last < self._today else now for one in points]
        return self._chart("backlog", "line", names, [(self._t("dashboard.waiting"), levels)], links)

    def urgency(self) -> Chart:
        levels, count = [4, 3, 2, 1], self._statistics.urgency
        names = [self._t(f"dashboard.level_{level}") for level in levels]
        values: list[float] = [count.get(level, 0) for level in levels]
        links = [self._link(urgency=str(level)) for level in levels]
        return self._chart("urgency", "rows", names, [(self._t("dashboard.items"), values)], links)

    def category(self) -> Chart:
        codes = _ranked(self._statistics.category)
        values: list[float] = [self._statistics.category[code] for code in codes]
        names = [self._page.name("categories", code) for code in codes]
        series = [(self._t("dashboard.items"), values)]
        return self._chart("category", "rows", names, series, [self._link(category=code) for code in codes])

    def place(self) -> Chart:
        found = self._found.places
        codes = sorted(found, key=lambda code: (not code, -found[code], code))
        names = [code or self._t("dashboard.no_village") for code in codes]
        links = [self._link(place=code) if code else "" for code in codes]
        values: list[float] = [found[code] for code in codes]
        return self._chart("place", "rows", names, [(self._t("dashboard.items"), values)], links)

    def department(self) -> Chart:
        found = self._found.departments
        codes = _ranked({code: count for code, (count, _) in found.items()})
        names = [self._page.name("departments", code) if code else self._t("dashboard.no_department") for code in codes]
        series: list[tuple[str, list[float]]] = [
            (self._t("dashboard.items"), [found[code][0] for code in codes]),
            (self._t("dashboard.overdue"), [found[code][1] for code in codes]),
        ]
        links = [self._link(department=code) if code else "" for code in codes]
        return self._chart("department", "rows", names, series, links)

    def due(self) -> Chart:
        states = list(self._found.due)
        names = [self._t(f"dashboard.due_{state}") for state in states]
        values: list[float] = [self._found.due[state] for state in states]
        links = [self._link(due="late") if state == "late" else "" for state in states]
        return self._chart("due", "rows", names, [(self._t("dashboard.items"), values)], links)

    def share(self) -> Chart:
        kinds = {"review": "needs_review", "repeat": "repeat", "collective": "collective"}
        whole = self._statistics.letters
        counts = {kind: getattr(self._statistics, kind) for kind in kinds}
        names = [f"{self._t(f'dashboard.{kind}')} {counts[kind]}/{whole}" for kind in kinds]
        values: list[float] = [round(100 * counts[kind] / whole, 1) if whole else 0 for kind in kinds]
        links = [self._link(None, **{field: "yes"}) for field in kinds.values()]
        return self._chart("share", "rows", names, [(self._t("dashboard.part"), values)], links, "percent")

    def hot(self) -> Chart:
        week = Span(self._span.last - WEEK + timedelta(days=1), self._span.last)
        topics = self._found.hot
        names = [f"{one.place} · {self._page.name('categories', one.category)}" for one in topics]
        series: list[tuple[str, list[float]]] = [
            (self._t("dashboard.this_week"), [one.letters for one in topics]),
            (self._t("dashboard.weeks_before"), [round(one.before, 2) for one in topics]),
        ]
        links = [self._link(week, category=one.category, place=one.place) for one in topics]
        return self._chart("hot", "rows", names, series, links)


def charts_of(page: Page, span: Span, statistics: StatisticsOut, found: Figures, today: date) -> list[Chart]:
    """Return every chart of the dashboard, in their order on the page."""
    make = _Maker(page, span, statistics, found, today)
    return [
        make.hot(), make.inflow(), make.backlog(), make.due(), make.urgency(), make.category(), make.place(),
        make.department(), make.share(),
    ]  # fmt: skip


def _sum(counts: Mapping[date, int], span: Span) -> float:
    if span.first == span.last:
        return counts.get(span.first, 0)
    return sum(count for day, count in counts.items() if span.first <= day <= span.last)


def _ranked(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda code: (not code, -counts[code], code))
