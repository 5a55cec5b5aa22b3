"""Pages by cursor: a page begins behind the last row of the one before, however many rows came in between."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Query
from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.problems import Problem

__all__ = ["Cursor", "Limit", "Order", "beside", "page"]

Row = TypeVar("Row")
Cursor = Annotated[str, Query(max_length=500)]
Limit = Annotated[int, Query(ge=1, le=500)]


class Order(NamedTuple):
    """One column of an order."""

    column: InstrumentedAttribute[Any]
    falling: bool = False


def page(
    session: Session, rows: Select[Row], order: Sequence[Order], cursor: str, limit: int
) -> tuple[Sequence[Row], str]:
    """Return the rows of one page and the cursor of the next.

    Parameters
    ----------
    rows : Select
        What to page through, unordered.
    order : sequence of Order
        The last column must tell all rows apart.
    cursor : str
        Of the page before; empty for the first.
    limit : int
        Rows of a page.

    Raises
    ------
    Problem
        ``cursor`` if it is not one of ours.
    """
    if cursor:
        rows = rows.where(_behind(order, _read(cursor, order)))
    rows = rows.order_by(*map(_sorted, order)).limit(limit + 1)
    found = session.scalars(rows).all()
    if len(found) <= limit:
        return found, ""
    last = [getattr(found[limit - 1], one.column.key) for one in order]
    return found[:limit], base64.urlsafe_b64encode(json.dumps(last).encode()).decode().rstrip("=")


def beside(session: Session, rows: Select[Row], order: Sequence[Order], row: Any, before: bool = False) -> Row | None:
    """Return the row that comes next to one in an order, whether or not that one is among the rows itself.

    Parameters
    ----------
    before : bool
        The one before it rather than the one behind.
    """
    way = [Order(one.column, one.falling != before) for one in order]
    rows = rows.where(_behind(way, [getattr(row, one.column.key) for one in way]))
    return session.scalars(rows.order_by(*map(_sorted, way)).limit(1)).first()


def _sorted(one: Order) -> UnaryExpression[Any]:
    column: ColumnElement[Any] = one.column.expression
    return column.desc() if one.falling else column.asc()


def _behind(order: Sequence[Order], values: Sequence[Any]) -> ColumnElement[bool]:
    ways = []
    for place, (one, value) in enumerate(zip(order, values, strict=True)):
        same = [earlier.column == before for earlier, before in zip(order[:place], values[:place], strict=True)]
        ways.append(and_(*same, one.column < value if one.falling else one.column > value))
    return or_(*ways)


def _read(cursor: str, order: Sequence[Order]) -> list[Any]:
    kinds: list[Callable[[Any], bool]] = [
        (lambda value: type(value) is int and abs(value) < 2**31)
        if one.column.type.python_type is int
        else (lambda value: isinstance(value, str) and value.isprintable())
        for one in order
    ]
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(order):
            raise ValueError
        if not all(right(value) for right, value in zip(kinds, values, strict=True)):
            raise ValueError
    except (ValueError, RecursionError):
        raise Problem("cursor") from None
    return values
