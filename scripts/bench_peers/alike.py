"""Alike's own part: ``alike bench ann`` on the same files, with the same true neighbors."""

import json
import subprocess

from .figures import Point, geometric_mean

# What a line has to have; other fields are kept out of the way, so that newer versions may add some.
NEEDED = {"kind": str, "setting": str, "recall": (int, float), "qps": (int, float)}


# Recalls to ask for: as fine a grid as the peers get. What is found may be more than what is asked for, never by design less.
RECALLS = [f"{recall / 1000:g}" for recall in (*range(860, 980, 5), *range(980, 998))]


class Failed(Exception):
    """The program did not give its figures; the text says why."""


def flags_of(program):
    """Help text of ``bench ann``: which flags this version knows."""
    try:
        done = subprocess.run([program, "bench", "ann", "--help"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failed(f"{program}: could not be run ({error}); build it with cargo build --release") from error
    return done.stdout


def command(program, known, files, args, beams):
    line = [program, "bench", "ann", "--base", files["base"], "--query", files["queries"], "--truth", files["truth"]]
    line += ["--metric", args.metric, "--k", str(args.k), "--kinds", args.kinds, "--json"]
    for flag, value in (
        ("--threads", "1"),
        ("--build-threads", str(args.threads_build)),
        ("--repeat", str(args.passes)),
        ("--beams", ",".join(map(str, beams))),
        ("--recalls", ",".join(RECALLS)),
    ):
        if f"{flag} " in known:
            line += [flag, value]
    return line


def parse(text):
    """The lines that are measurements of unfiltered search."""
    found = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in NEEDED.items()):
            if not filtered(row) and row["qps"] > 0:
                found.append(row)
    return found


def filtered(row):
    return any("selectivity" in name and value not in (None, 1, 1.0) for name, value in row.items())


def run(program, files, args, beams):
    line = command(program, flags_of(program), files, args, beams)
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False)
    rows = parse(done.stdout)
    if done.returncode or not rows:
        last = (done.stderr.strip().splitlines() or ["no measurement in its output"])[-1]
        raise Failed(f"exit code {done.returncode}: {last[:300]}")
    return rows


def merged(runs):
    """One entry per kind out of several runs: per setting the geometric mean of the runs' speeds (never the best one).

    -> {kind: {"points": [Point], "build_s": mean, "bytes": of the file}}"""
    kinds = {}
    for row in (row for rows in runs for row in rows):
        entry = kinds.setdefault(row["kind"], {"settings": {}, "build_s": [], "bytes": row.get("bytes")})
        entry["settings"].setdefault(row["setting"], []).append(row)
        if isinstance(row.get("build_s"), (int, float)):
            entry["build_s"].append(row["build_s"])
    return {
        kind: {
            "points": [
                Point(
                    {"setting": setting},
                    min(row["recall"] for row in rows),
                    [geometric_mean([row["qps"] for row in rows])],
                )
                for setting, rows in entry["settings"].items()
            ],
            "build_s": sum(entry["build_s"]) / len(entry["build_s"]) if entry["build_s"] else None,
            "bytes": entry["bytes"],
        }
        for kind, entry in kinds.items()
    }


def drift(runs):
    """Speed of the last run by that of the first, over the settings they share; None without two runs."""
    if len(runs) < 2:
        return None
    first, last = ({(row["kind"], row["setting"]): row["qps"] for row in rows} for rows in (runs[0], runs[-1]))
    shared = [last[key] / first[key] for key in first if key in last]
    return geometric_mean(shared) if shared else None
