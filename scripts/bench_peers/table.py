"""The measurements as Markdown."""

from . import alike
from .figures import best_at, label, pareto, without_overhead
from .peers import ABSENT
from .results import points_of

NONE = "–"


def rows_of(content):
    """Every index measured, ours and theirs, in one form; failures have a reason and no points."""
    rows = []
    for number, run in enumerate(content["runs"]):
        for kind, entry in alike.merged(run["alike"]).items():
            rows.append(entry | {"library": "Alike", "variant": kind, "call_us": 0.0, "run": number, "reason": None})
    for entry in content["peers"]:
        rows.append({"build_s": None, "bytes": None, "call_us": None} | entry | {"points": points_of(entry)})
    return rows


def reference(rows, run):
    """Alike's row that the others of the same run are compared with: the graph if it was measured."""
    ours = {row["variant"]: row for row in rows if row["library"] == "Alike" and row["run"] == run}
    return next((ours[kind] for kind in ("graph", "hnsw") if kind in ours), next(iter(ours.values()), None))


def net(row, point):
    return without_overhead(point.qps, row["call_us"] or 0.0)


def cell(row, target):
    point = best_at(row["points"], target)
    if point is None:
        most = max((point.recall for point in row["points"]), default=0.0)
        return f"never ({most:.3f})"
    return f"{point.qps:,.0f} @{point.recall:.3f}"


def ratios(row, ours, targets, speed):
    """Our speed by theirs at each target."""
    found = []
    for target in targets:
        point, own = best_at(row["points"], target), ours and best_at(ours["points"], target)
        found.append(f"{own.qps / speed(row, point):.2f}" if point and own else NONE)
    return " / ".join(found)


def measured_speed(row, point):
    return point.qps


def number(value, form):
    return NONE if value is None else format(value, form)


def line(cells):
    return "| " + " | ".join(str(value).replace("|", "\\|") for value in cells) + " |"


def full(content):
    """One line per index: the fastest at the middle target first, failures last."""
    rows, targets = rows_of(content), content["problem"]["targets"]
    count = content["problem"]["rows"]
    head = ["library", "index", *(f"QPS at ≥ {target:.2f}" for target in targets)]
    head += ["Alike ÷ it", "same, without call", "call µs", "build s", "build ÷ Alike", "bytes per vector", "CPU"]
    lines = [line(head), line(["---"] * 2 + ["--:"] * (len(head) - 2))]
    for row in sorted((row for row in rows if row["points"]), key=lambda row: -speed_at(row, targets)):
        ours = reference(rows, row["run"])
        build = row["build_s"] / ours["build_s"] if ours and ours["build_s"] and row["build_s"] is not None else None
        cells = [named(row), row["variant"], *(cell(row, target) for target in targets)]
        cells += [ratios(row, ours, targets, measured_speed), ratios(row, ours, targets, net)]
        cells += [number(row["call_us"], ".1f"), number(row["build_s"], ".1f"), number(build, ".2f")]
        cells += [number(row["bytes"] and row["bytes"] / count, ".0f"), number(row.get("cpu_share"), ".2f")]
        lines.append(line(cells))
    for row in (row for row in rows if not row["points"]):
        cells = [named(row), row["variant"] or NONE, f"not measured: {row['reason']}"]
        lines.append(line(cells + [""] * (len(head) - len(cells))))
    return "\n".join(lines)


def speed_at(row, targets):
    """Sorts rows: speed at the middle target, then at the first."""
    points = [best_at(row["points"], target) for target in (targets[len(targets) // 2], targets[0])]
    return next((point.qps / (1e6**place) for place, point in enumerate(points) if point), 0.0)


def named(row):
    return f"{row['library']} {row['version']}" if row.get("version") else row["library"]


def brief(content):
    """One line per library: at each target the best of its indexes, and by which setting."""
    rows, targets = rows_of(content), content["problem"]["targets"]
    head = ["library", *(f"best QPS at ≥ {target:.2f}" for target in targets)]
    lines = [line(head), line(["---"] * len(head))]
    libraries = {}
    for row in (row for row in rows if row["points"]):
        libraries.setdefault(row["library"], []).append(row)
    order = lambda found: -max(speed_at(row, targets) for row in found)  # noqa: E731
    for library, found in sorted(libraries.items(), key=lambda item: order(item[1])):
        lines.append(line([library, *(best_cell(found, target) for target in targets)]))
    return "\n".join(lines)


def best_cell(rows, target):
    found = [(row, best_at(row["points"], target)) for row in rows]
    row, point = max(
        ((row, point) for row, point in found if point), key=lambda pair: pair[1].qps, default=(None, None)
    )
    if row is None:
        return "never"
    return f"{point.qps:,.0f} @{point.recall:.3f} ({row['variant']}; {label(point.setting)})"


def page(content):
    problem, machine = content["problem"], content["machine"]
    drifts = [alike.drift(run["alike"]) for run in content["runs"]]
    drifts = [f"{value:.3f}" for value in drifts if value is not None]
    failed = [run["alike_failed"] for run in content["runs"] if run["alike_failed"]]
    notes = [
        f"{problem['rows']:,} × {problem['dimension']} float32 vectors ({problem['name']}), {problem['queries']:,} "
        f"queries, metric {problem['metric']}, k = {problem['k']}. {machine['cpu']}, {machine['cores']} cores; "
        f"builds on {problem['threads_build']} threads.",
        f"One query at a time on one thread. QPS: best of {problem['passes']} passes over all queries, the passes of "
        "all indexes of a group taken in turns; Alike: mean of its runs before and after the peers, each the best of "
        "as many passes. Recall on ids against exact search. The best setting at each recall is chosen on the same "
        "queries for everybody, and nothing is interpolated.",
        "Alike ÷ it: Alike's graph (its HNSW where no graph was measured) by this index at each target; without call: "
        "after the time of the library's Python call, measured on ten rows, is taken off each of its queries. "
        "Bytes per vector: the index as its library saves it (Alike: its file), with the original vectors if it keeps "
        "them. "
        "CPU: processor time by wall time while searching (more than 1: the library used more than one thread).",
    ]
    if drifts:
        notes.append(f"Drift of the machine (Alike's speed after the peers by that before): {', '.join(drifts)}.")
    absent = "; ".join(f"{name}: {reason}" for name, reason in ABSENT.items())
    notes.append(f"Not to be had: {absent}.")
    notes += [f"Alike was not measured: {reason}" for reason in failed]
    return "\n\n".join(
        ["## Best of each library", brief(content), "## Every index", full(content), "## How", *notes, ""]
    )


def curves(content):
    """For the plot: per library the front over all its indexes; Alike's kinds each on its own, the graph first."""
    fronts = {}
    for row in rows_of(content):
        name = f"Alike {row['variant']}" if row["library"] == "Alike" else row["library"]
        fronts.setdefault(name, []).extend(row["points"])
    found = [
        (name, [(point.recall, point.qps) for point in pareto(points)]) for name, points in fronts.items() if points
    ]
    return sorted(found, key=lambda item: (item[0] != "Alike graph", not item[0].startswith("Alike"), item[0]))
