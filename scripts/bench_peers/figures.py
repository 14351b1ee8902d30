"""Arithmetic on measured points: recall, Pareto fronts, the best speed at a recall, call overhead."""

from dataclasses import asdict, dataclass, field


@dataclass
class Point:
    """One setting of one index: its recall and the speed of each pass (queries per second)."""

    setting: dict
    recall: float
    passes: list = field(default_factory=list)

    @property
    def qps(self):
        return max(self.passes)

    def as_json(self):
        return asdict(self)


def label(setting):
    """``{"ef": 64, "m": 2}`` as text: ``ef=64 m=2``."""
    texts = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in setting.items()}
    return " ".join(f"{name}={text}" for name, text in texts.items())


def recall(found, truth):
    """Mean share of the true neighbors (rows of ``truth``) that are among those found, by id."""
    hits = sum(len(set(row) & set(map(int, wanted))) for row, wanted in zip(found, truth, strict=True))
    return hits / sum(len(wanted) for wanted in truth)


def best_at(points, target):
    """The fastest point of at least that recall, as measured (nothing is interpolated), or None."""
    return max((point for point in points if point.recall >= target), key=lambda point: point.qps, default=None)


def pareto(points):
    """The points that no other one beats in both recall and speed, by rising recall."""
    front = []
    for point in sorted(points, key=lambda point: (-point.recall, -point.qps)):
        if not front or point.qps > front[-1].qps:
            front.append(point)
    return front[::-1]


def contenders(points, slack=0.8):
    """The points that a second, luckier pass could still bring to the front: within ``slack`` of what beats them."""
    kept, fastest = [], 0.0
    for point in sorted(points, key=lambda point: (-point.recall, -point.qps)):
        if point.qps >= slack * fastest:
            kept.append(point)
        fastest = max(fastest, point.qps)
    return kept[::-1]


def without_overhead(qps, overhead_us):
    """Speed with the Python call's share of each query's time taken off.

    Never more than ten times the measured speed: beyond that the figure would be noise of the overhead."""
    seconds = 1 / qps
    return 1 / max(seconds - overhead_us * 1e-6, seconds / 10)


def geometric_mean(values):
    product = 1.0
    for value in values:
        product *= value
    return product ** (1 / len(values))
