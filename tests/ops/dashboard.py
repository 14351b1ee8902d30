"""The Grafana dashboard's queries, ready for Prometheus."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What Grafana puts in place of its variables: $__rate_interval is at least four scrape intervals (of 5 s).
VARIABLES = {"$__rate_interval": "20s", "$collection": "products"}


@dataclass(frozen=True)
class Query:
    panel: str
    ref: str
    expression: str


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel that shows something, also those inside collapsed rows."""
    for panel in dashboard["panels"]:
        yield from panel.get("panels", [])
        if panel["type"] != "row":
            yield panel


def cells(panel: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The cells of the grid that a panel takes, as column and line."""
    at = panel["gridPos"]
    for x in range(at["x"], at["x"] + at["w"]):
        for y in range(at["y"], at["y"] + at["h"]):
            yield x, y


def queries(dashboard: dict[str, Any]) -> list[Query]:
    found = [
        Query(panel["title"], target["refId"], substituted(target["expr"]))
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]
    assert found, "the dashboard has no query"
    return found


def substituted(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, f"a variable that this test does not know: {expression}"
    return expression


def has_data(result: list[dict[str, Any]]) -> bool:
    """At least one series with a number: NaN (0 / 0) is a gap in the panel."""
    return any(math.isfinite(float(series["value"][1])) for series in result)


def metric_names(expression: str) -> set[str]:
    """The metric families an expression reads; a histogram's parts count as the histogram."""
    names = re.findall(r"\b(?:alike|process)_[a-z_]+\b", re.sub(r'"[^"]*"', "", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
