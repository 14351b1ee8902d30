"""Which settings of a peer are timed: a geometric grid along one axis, refined at each target by bisection.

The grid keeps the comparison honest: with a coarse one a peer's best setting at a recall is missed. Bisection finds
the very smallest beam that reaches each target.
"""

from dataclasses import dataclass, field

from .figures import contenders

TARGETS = (0.90, 0.95, 0.99)
# Where a sweep ends: beyond the last target there is nothing to win.
ENOUGH = 0.9985
RATIO = 1.22


@dataclass
class Family:
    """Settings that differ along one integer axis, ``low`` to ``high``; ``fixed`` holds the rest of the setting."""

    axis: str
    low: int
    high: int
    fixed: dict = field(default_factory=dict)

    def setting(self, value):
        return {self.axis: value} | self.fixed


def grid(low, high, ratio=RATIO):
    """Rising integers from low to high, each about ``ratio`` times the one before."""
    values, value = [], float(low)
    while value < high:
        values.append(round(value))
        value = max(value * ratio, value + 1)
    return values + [high]


def bisect(reached, below, above, resolution=0.02):
    """Values between one that misses the target and one that reaches it, closing in on the first that does."""
    while above - below > max(1, resolution * above):
        middle = (below + above) // 2
        if reached(middle):
            above = middle
        else:
            below = middle


def flat(recalls, steps=4, gain=0.0005):
    """Whether the last steps of the grid brought nothing: codes too coarse for more recall, however wide the beam."""
    return len(recalls) > steps and recalls[-1] > 0.5 and recalls[-1] - recalls[-1 - steps] < gain


def screen(families, measure):
    """The families that have at least one point near the common front, on a coarse grid.

    ``measure`` may look at a part of the queries only; what it leaves is then swept with all of them."""
    points = {number: sweep(family, measure, (), 1.5) for number, family in enumerate(families)}
    near = {id(point) for point in contenders([point for found in points.values() for point in found], 0.8)}
    return [family for number, family in enumerate(families) if any(id(point) in near for point in points[number])]


def sweep(family, measure, targets=TARGETS, ratio=RATIO, slowest=10.0):
    """Calls ``measure(setting)`` -> (point, seconds) along the axis; returns every point, by axis value.

    Ends once recall is enough or rises no more, or a pass takes longer than ``slowest`` seconds."""
    points = {}

    def at(value):
        if value not in points:
            points[value] = measure(family.setting(value))
        return points[value]

    risen = []
    for value in grid(family.low, family.high, ratio):
        point, seconds = at(value)
        risen.append(point.recall)
        if point.recall >= ENOUGH or seconds > slowest or flat(risen):
            break
    for target in targets:
        values = sorted(points)
        above = next((value for value in values if points[value][0].recall >= target), None)
        below = [value for value in values if above is not None and value < above]
        if below:
            bisect(lambda value, target=target: at(value)[0].recall >= target, below[-1], above)
    return [points[value][0] for value in sorted(points)]
