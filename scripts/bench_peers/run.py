"""The whole measurement: Alike, the peers in groups that fit into memory, Alike again; tables after every step."""

import re
import shutil
import time
from pathlib import Path

import numpy as np

from . import alike, install, peers, plot, sweep, table, vectors
from .process import Failed, Worker
from .results import Results

# Beams that Alike is swept over: as fine a grid as the peers get.
ALIKE_BEAMS = (10, 512)


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def available_memory():
    """Bytes that can be used without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 62


class Bench:
    def __init__(self, args):
        self.args, self.out = args, args.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.work = self.out / "work"
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        self.prepare()
        self.results = Results(self.out / "results.json", self.problem, args.append)
        self.group, self.starting, self.largest = [], None, 0

    def prepare(self):
        """Vectors as Alike gets them, as the peers get them, and the true neighbors."""
        args = self.args
        if args.sample:
            self.make_sample()
        self.files = {"base": args.vectors.resolve(), "queries": args.queries.resolve()}
        given = {name: vectors.load(path) for name, path in self.files.items()}
        self.check(given["base"], given["queries"])
        self.ready = {name: str(path) for name, path in self.files.items()}
        if args.metric == "cosine":
            for name, rows in given.items():
                self.ready[name] = str(self.work / f"{name}.npy")
                np.save(self.ready[name], vectors.normalized(rows))
        digest = vectors.digest(given["base"], given["queries"], args.metric, args.k)
        self.find_truth(digest)
        self.problem = self.describe(given["base"], given["queries"], digest)

    def make_sample(self):
        args = self.args
        made = vectors.clustered(args.sample, max(50, min(2000, args.sample // 10)), args.dimension, args.seed)
        args.vectors, args.queries = self.work / "sample_base.npy", self.work / "sample_queries.npy"
        for path, rows in zip((args.vectors, args.queries), made, strict=True):
            np.save(path, rows)

    def check(self, base, queries):
        args = self.args
        if base.shape[1] != queries.shape[1]:
            found = f"{args.queries}: found dimension {queries.shape[1]}, expected {base.shape[1]} as in {args.vectors}"
            raise vectors.Unusable(found)
        if args.k >= len(base):
            raise vectors.Unusable(f"--k: found {args.k}, expected fewer than the {len(base)} rows of {args.vectors}")
        say(f"{len(base):,} x {base.shape[1]} vectors, {len(queries):,} queries")

    def describe(self, base, queries, digest):
        args = self.args
        return {
            "digest": digest,
            "name": f"made up, seed {args.seed}" if args.sample else args.vectors.name,
            "rows": len(base),
            "dimension": base.shape[1],
            "queries": len(queries),
            "metric": args.metric,
            "k": args.k,
            "targets": list(sweep.TARGETS),
            "passes": args.passes,
            "threads_build": args.threads_build,
        }

    def find_truth(self, digest):
        """Kept in the output folder under the problem's digest: exact search is long."""
        path = self.out / f"truth-{digest[:16]}.npy"
        if not path.exists():
            say("exact search for the true neighbors")
            started = time.monotonic()
            base, queries = (vectors.load(self.ready[name]) for name in ("base", "queries"))
            truth = vectors.true_neighbors(base, queries, self.args.metric, self.args.k)
            beside = self.work / "truth.npy"
            np.save(beside, truth)
            beside.replace(path)
            say(f"exact search took {time.monotonic() - started:.1f} s")
        self.files["truth"] = self.ready["truth"] = str(path.resolve())

    def run(self):
        self.measure_alike("before")
        for library in self.args.peers:
            self.library(library)
        self.search_group()
        self.measure_alike("after")
        self.report()
        shutil.rmtree(self.work, ignore_errors=True)

    def measure_alike(self, when):
        run = self.results.run
        if run["alike_failed"]:
            return
        say(f"Alike ({self.args.kinds}), {when} the peers")
        beams = sweep.grid(max(self.args.k, ALIKE_BEAMS[0]), ALIKE_BEAMS[1], ratio=1.1)
        try:
            run["alike"].append(alike.run(self.args.alike, self.files, self.args, beams))
        except alike.Failed as error:
            run["alike_failed"] = str(error)
            say(f"Alike was not measured: {error}")
        self.report()

    def library(self, library):
        pinned = install.pins(install.REQUIREMENTS.read_text())
        reason = install.install(library, pinned, self.out / f"logs/{library} install.log")
        if reason:
            self.failed(library, None, reason)
            return
        shape = self.problem["rows"], self.problem["dimension"], self.args.metric
        for variant, settings in peers.variants(library, *shape).items():
            if re.search(self.args.only, f"{library} {variant}"):
                self.start(library, variant, settings)

    def failed(self, library, variant, reason):
        say(f"{library} {variant or ''}: not measured: {reason}")
        entry = {"library": library, "version": install.version(library), "variant": variant, "reason": reason}
        self.results.add(entry | {"points": []})
        self.report()

    def start(self, library, variant, settings):
        """Builds one index and chooses its settings; the group is timed first where memory gets short."""
        if available_memory() < max(self.args.reserve, 1.5 * self.largest):
            self.search_group()
        folder = self.work / re.sub(r"\W+", "-", f"{library} {variant}")
        spec = {"library": library, "settings": settings, "metric": self.args.metric, "k": self.args.k}
        spec |= {"threads": self.args.threads_build, "folder": str(folder), "targets": list(sweep.TARGETS)} | self.ready
        say(f"{library} {variant}: building")
        worker = self.starting = Worker(spec, self.out / f"logs/{folder.name}.log", self.args.time_limit)
        try:
            built = worker.answer()
            self.largest = max(self.largest, built.pop("resident"))
            say(f"{library} {variant}: built in {built['build_s']:.1f} s; choosing settings")
            shutil.rmtree(folder / "index", ignore_errors=True)
            chosen = worker.ask("calibrate")
        except Failed as error:
            worker.stop()
            self.failed(library, variant, str(error))
            return
        call = "?" if chosen["call_us"] is None else f"{chosen['call_us']:.1f}"
        say(f"{library} {variant}: {chosen['tried']} settings tried, {chosen['kept']} kept; {call} us per empty call")
        entry = {"library": library, "version": install.version(library), "variant": variant, "reason": None}
        entry |= {"settings": settings}
        self.group.append((worker, entry | built | chosen))

    def search_group(self):
        """Timed passes over every index of the group, in turns, so that a slow moment of the machine hits all alike."""
        if self.group:
            say(f"timing {len(self.group)} indexes in turns")
        for number in range(self.args.passes):
            for member in list(self.group)[:: 1 if number % 2 == 0 else -1]:
                self.one_pass(*member)
            self.keep()
            if self.group:
                say(f"pass {number + 1} of {self.args.passes} done")
        for worker, _ in self.group:
            worker.stop()
        self.group = []

    def keep(self):
        """What the group has given so far goes into the files: an interrupted run leaves its passes behind."""
        for _, entry in self.group:
            self.results.add(entry)
        self.report()

    def one_pass(self, worker, entry):
        try:
            entry.update(worker.ask("pass"))
        except Failed as error:
            worker.stop()
            self.group = [member for member in self.group if member[0] is not worker]
            self.failed(entry["library"], entry["variant"], str(error))

    def report(self):
        """Writes everything measured so far."""
        self.results.write()
        content = self.results.content
        (self.out / "table.md").write_text(table.page(content))
        shown = table.curves(content)
        if shown:
            problem = self.problem
            title = f"{problem['rows']:,} × {problem['dimension']}, {problem['metric']}, recall@{problem['k']}"
            (self.out / "plot.svg").write_text(plot.svg(title, shown, lowest_recall(shown)))

    def close(self):
        """Also when interrupted: no worker outlives this process."""
        for worker in [self.starting, *(worker for worker, _ in self.group)]:
            if worker:
                worker.stop()


def lowest_recall(curves):
    """Where the plot begins: at 0.8, or lower where nothing would be left of a library."""
    tops = [max(recall for recall, _ in front) for _, front in curves]
    return next((limit for limit in (0.8, 0.7, 0.5) if min(tops) > limit), 0.5)
