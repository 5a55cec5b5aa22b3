"""The dashboard: how many letters, about what, where, and what waits."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import Query, Response

from service.problems import Problem
from service.routes.register import StatisticsOut, statistics
from service.web.charts import Chart, Span, charts_of
from service.web.figures import figures, villages
from service.web.pages import Page, PageNow, pages

__all__ = ["router"]

router = pages()
_RANGES = (7, 30, 90, 365)
_DEFAULT = 30
_EARLIEST, _LATEST = date(1900, 1, 1), date(2200, 1, 1)  # what lies outside is a slip
Day = Annotated[date | None, Query()]


def _span(first: date | None, last: date | None, today: date) -> Span:
    last = min(max(last or today, _EARLIEST), _LATEST)
    first = first or last - timedelta(days=_DEFAULT - 1)
    first, last = (min(max(one, _EARLIEST), _LATEST) for one in (min(first, last), max(first, last)))
    return Span(first, last)


def _charts(page: Page, span: Span, today: date) -> tuple[StatisticsOut, list[Chart]]:
    page.caller.need("statistics")
    service = page.service
    counted = statistics(service, page.caller, span.first, span.last)
    with service.database.read() as session:
        village = villages(service.triager.policy.folder)
        found = figures(session, page.caller, span.first, span.last, today, village)
    return counted, charts_of(page, span, counted, found, today)


@router.get("/dashboard")
def dashboard(page: PageNow, received_from: Day = None, received_to: Day = None) -> Response:
    """Show the figures of a range of days; the last thirty where none is given."""
    today = date.today()
    span = _span(received_from, received_to, today)
    counted, charts = _charts(page, span, today)
    ranges = [(days, today - timedelta(days=days - 1)) for days in _RANGES]
    values: dict[str, Any] = {"span": span, "counted": counted, "charts": charts, "ranges": ranges, "day": today}
    values["drawn"] = [one.drawn() for one in charts]
    return page.answer("dashboard.html", **values)


@router.get("/dashboard/{key}.csv")
def as_csv(key: str, page: PageNow, received_from: Day = None, received_to: Day = None) -> Response:
    """Give the figures of one chart."""
    today = date.today()
    span = _span(received_from, received_to, today)
    chart = next((one for one in _charts(page, span, today)[1] if one.key == key), None)
    if chart is None:
        raise Problem("not_found", what=f"chart {key[:40]}")
    name = f"{key}-{span.first.isoformat()}-{span.last.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(chart.csv(), media_type="text/csv; charset=utf-8", headers=headers)
