"""One index of one peer in a process of its own, so that a crash takes nothing else along.

``python -m bench_peers.worker SPEC``: builds at once, then obeys one word per line of standard input, each answered by
one line of JSON: ``calibrate`` (choose the settings to time), ``pass`` (time each of them once), ``quit``. What the
library prints goes to standard error.
"""

import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

from . import figures, peers, sweep

# Families of settings are compared on this part of the queries before the best of them are swept with all.
SCREENING_STEP = 4
# What recalls less is of no use to anybody and not timed, unless there is nothing else.
LEAST = 0.8
TINY_ROWS = 10
TINY_PASSES = 7


def timed(call, prepared):
    """(answers, wall seconds, processor seconds of all threads) of one pass, one query after another."""
    gc.collect()
    gc.disable()
    cpu, wall = time.process_time(), time.perf_counter()
    answers = [call(query) for query in prepared]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    gc.enable()
    return answers, wall, cpu


class Work:
    def __init__(self, spec):
        self.spec = spec
        self.base = np.load(spec["base"], mmap_mode="r")
        self.queries, self.truth = np.load(spec["queries"]), np.load(spec["truth"])
        Path(spec["folder"]).mkdir(parents=True, exist_ok=True)
        self.peer = peers.library(spec["library"])(spec["settings"], spec["metric"], spec["k"], spec["folder"])
        self.points, self.busy, self.empty, self.call_us = [], 0.0, None, float("inf")

    def build(self):
        base = np.array(self.base)  # read from disk before the clock starts
        started = time.perf_counter()
        self.peer.build(base, self.spec["threads"])
        seconds = time.perf_counter() - started - self.peer.converting
        del base
        self.peer.single_threaded()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"build_s": seconds, "bytes": self.peer.bytes(), "resident": resident}

    def measure(self, setting, step=1):
        """One pass over every ``step``-th query: (point, wall seconds)."""
        call, prepared = self.peer.searcher(setting, self.queries[::step])
        answers, wall, cpu = timed(call, prepared)
        self.busy = max(self.busy, cpu / wall)
        recall = figures.recall(map(self.peer.ids, answers), self.truth[::step])
        return figures.Point(setting, recall, [len(prepared) / wall]), wall

    def calibrate(self):
        """Sweeps the families, tries what the peer knows around its best settings, keeps what is near the front."""
        points, families = [], self.peer.families()
        if len(families) > 2:
            families = sweep.screen(families, lambda setting: self.measure(setting, SCREENING_STEP))
        for family in families:
            points += sweep.sweep(family, self.measure, self.spec["targets"])
        for target in self.spec["targets"]:
            best = figures.best_at(points, target)
            if best:
                more = self.peer.polish(best.setting, self.queries, self.truth)
                points += [self.measure(setting)[0] for setting in more]
        self.points = figures.contenders([point for point in points if point.recall >= LEAST] or points)
        tried = len(points)
        for point in self.points:
            point.passes = []
        self.busy, self.empty = 0.0, self.empty_call()
        return {"tried": tried, "kept": len(self.points), "call_us": self.overhead()}

    def empty_call(self):
        """(call, prepared queries) on an index of a few rows; None where the library makes none so small."""
        try:
            tiny = self.peer.tiny(np.array(self.base[:TINY_ROWS]))
            family = tiny.families()[0]
            call, prepared = tiny.searcher(family.setting(family.low), self.queries)
            call(prepared[0])
        except Exception as error:  # whatever the library raises on so small an index: the figure is then missing
            print(f"overhead: {error!r}", file=sys.stderr)
            return None
        return call, prepared

    def overhead(self):
        """Microseconds of one empty call, the fastest of all passes so far; None if it cannot be told."""
        if self.empty is None:
            return None
        call, prepared = self.empty
        seconds = min(timed(call, prepared)[1] for _ in range(TINY_PASSES))
        self.call_us = min(self.call_us, seconds / len(prepared) * 1e6)
        return self.call_us

    def one_pass(self):
        for point in self.points:
            measured, _ = self.measure(point.setting)
            point.passes += measured.passes
            # Indexes that answer by chance or by time differ between passes: the least recall seen counts.
            point.recall = min(point.recall, measured.recall)
        return {
            "points": [point.as_json() for point in self.points],
            "cpu_share": self.busy,
            "call_us": self.overhead(),
        }


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    spec = json.loads(sys.argv[1])

    def answer(content):
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    work = Work(spec)
    answer(work.build())
    commands = {"calibrate": work.calibrate, "pass": work.one_pass}
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        answer(commands[line.strip()]())
    # Some libraries crash while they are taken apart; nothing is left to lose.
    answers.close()
    os._exit(0)


if __name__ == "__main__":
    main()
