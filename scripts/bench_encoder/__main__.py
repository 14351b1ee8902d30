"""``scripts/bench-encoder``: arguments, and what is measured with them."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_encoder import alike, memory, quality, report, service, speed, texts  # noqa: E402  (the path comes first)
from bench_encoder.bundle import Bundle, Unusable  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = """\
Measure Alike's encoder beside plain Python onnxruntime (fp32, and dynamic int8) in one run, on the same texts with the
same number of threads, in turns. Compiles Alike's side with cargo; Python's side is installed from PyPI, pinned, into
.alike/bench-encoder-venv. Prints tables with ratios beside what is to be reached. Without a section: --speed."""
EXAMPLES = """\
examples:
  scripts/bench-encoder
  scripts/bench-encoder --speed --rounds 9 --threads 1 --contenders fp32,alike-int8
  scripts/bench-encoder --quality --json quality.json
  scripts/bench-encoder --http --memory 1000000"""
CONTENDERS = {
    "fp32": "fp32",
    "dynamic-int8": "dynamic int8",
    "alike-plain": "Alike plain",
    "alike-int8": "Alike int8",
}
BASELINES = ("fp32", "dynamic-int8")
SHORT_TEXTS = 80_000


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}, expected at least 1")
    return value


def contender_list(text):
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected some of {', '.join(CONTENDERS)}")
    return names


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        prog="scripts/bench-encoder",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--speed", action="store_true", help="bulk and single queries, and the share of the processor's 8-bit limit")
    add("--quality", action="store_true", help="cosine and neighbors against fp32, ESCI nDCG@10, other batch mates")
    add("--http", action="store_true", help="64 callers of /v1/embeddings, and half of that load")
    add("--memory", type=positive, metavar="N", help="resident memory over N texts of mixed lengths")
    add("--model", type=Path, default=ROOT / ".alike/models/all-minilm-l6-v2", metavar="DIR", help="the bundle")
    add("--threads", type=positive, default=2, help="of each contender (2)")
    add("--rounds", type=positive, default=5, help="that count (5)")
    add("--contenders", type=contender_list, metavar="NAMES", help=f"of {', '.join(CONTENDERS)} (all that there are)")
    add("--workloads", default="", metavar="NAMES", help="some of mixed,titles,products,16 tokens,128 tokens (all)")
    add("--titles", type=positive, default=quality.TITLES, metavar="N", help="of --quality (10000)")
    add("--encodings", default="float,base64", metavar="NAMES", help="of --http (float,base64)")
    add("--seed", type=int, default=1, help="decides which texts (1)")
    add("--data", type=Path, metavar="DIR", help="folder with arxiv/ and esci/ (shared/data beside the repository)")
    add("--programs", type=Path, metavar="DIR", help="folder with compiled programs, as target/release, instead of cargo")
    add("--json", type=Path, metavar="FILE", help="write everything that was measured there")
    args = parser.parse_args(arguments)
    if not (args.speed or args.quality or args.http or args.memory):
        args.speed = True
    return args


class Bench:
    def __init__(self, args, work):
        self.args, self.work = args, work
        self.kept = ROOT / ".alike/bench-encoder"
        self.bundle = Bundle(args.model)
        self.tokenizer = self.bundle.tokenizer()
        self.source = texts.Source(args.data or texts.find_data(ROOT), self.tokenizer, args.seed)
        there = [name for name in CONTENDERS if name != "alike-int8" or self.bundle.has_variant]
        self.names = args.contenders or there
        self.started = {}

    def program(self, name, target):
        return alike.program(name, target, self.args.programs)

    def contender(self, name):
        """Started when it is first needed."""
        if name not in self.started:
            self.started[name] = self.start(name)
        return self.started[name]

    def start(self, name):
        shown, threads = CONTENDERS[name], self.args.threads
        if name in BASELINES:
            from bench_encoder.baseline import Baseline

            graph = self.bundle.graph if name == "fp32" else self.bundle.dynamic_int8(self.kept)
            return Baseline(shown, graph, self.bundle, threads)
        if name == "alike-int8" and not self.bundle.has_variant:
            raise Unusable(f"{self.bundle.folder}: no int8 variant; make it with alike model optimize")
        path = self.program("throughput", alike.THROUGHPUT)
        contender = alike.Alike(shown, path, self.bundle, name.removeprefix("alike-"), threads, self.work)
        contender.prepare(self.bundle.tokenizer())
        return contender

    def stop(self):
        for contender in self.started.values():
            contender.stop()

    def speed(self):
        contenders = [self.contender(name) for name in self.names]
        ours = [CONTENDERS[name] for name in self.names if name not in BASELINES]
        others = [CONTENDERS[name] for name in self.names if name in BASELINES]
        limit = alike.roofline(self.program("throughput", alike.THROUGHPUT), self.args.threads)
        operations = self.bundle.operations_per_token()
        bulk = []
        for workload in self.workloads():
            entry = speed.measure_bulk(contenders, workload, self.args.rounds)
            entry["ratios"] = speed.compare(entry, ours, others)
            entry["limit"] = speed.share_of_limit(entry, operations, limit)
            bulk.append(entry)
        query = speed.measure_queries(
            contenders, self.source.short(self.tokenizer, speed.QUERIES), self.args.rounds
        )
        query["ratios"] = speed.compare(query, ours, others)
        return {
            "model": self.bundle.name,
            "threads": self.args.threads,
            "rounds": self.args.rounds,
            "contenders": [contender.name for contender in contenders],
            "opened": {one.name: one.opened for one in contenders if hasattr(one, "opened")},
            "operations_per_token": operations,
            "limit": limit,
            "bulk": bulk,
            "query": query,
        }

    def workloads(self):
        found = {workload.name: workload for workload in texts.workloads(self.source)}
        names = [name.strip() for name in self.args.workloads.split(",") if name.strip()] or list(found)
        unknown = [name for name in names if name not in found]
        if unknown:
            raise Unusable(f"--workloads: found {', '.join(unknown)}, expected some of {', '.join(found)}")
        return [found[name] for name in names]

    def quality(self):
        others = [self.contender(name) for name in self.names if name != "fp32"]
        return quality.measure(others, self.contender("fp32"), self.source, self.kept, self.args.titles)

    def http(self):
        server_program = self.program("alike", alike.SERVER)
        callers = self.program("callers", alike.CALLERS)
        short = self.source.short(self.tokenizer, SHORT_TEXTS, service.LEAST, service.MOST)
        runs = []
        for name in (name for name in self.names if name not in BASELINES):
            variant = name.removeprefix("alike-")
            folder = self.work / variant
            folder.mkdir()
            server = service.Server(server_program, alike.library(), self.bundle, variant, folder)
            server.build(short[:100])
            for encoding in self.args.encodings.split(","):
                server.start()
                try:
                    run = service.measure(
                        server, callers, self.contender(name), short, self.bundle.name.split("@")[0], encoding
                    )
                finally:
                    server.stop()
                runs.append({"variant": variant} | run)
        return {"runs": runs}

    def memory(self):
        program = self.program("memory", alike.MEMORY)
        variants = [name.removeprefix("alike-") for name in self.names if name not in BASELINES]
        return {"runs": [memory.measure(program, self.bundle, variant, self.args.memory) for variant in variants]}

    def run(self):
        sections = {
            "speed": self.args.speed and self.speed,
            "quality": self.args.quality and self.quality,
            "http": self.args.http and self.http,
            "memory": self.args.memory and self.memory,
        }
        found = {"machine": machine()}
        for name, measure in sections.items():
            if measure:
                found[name] = measure()
        return found


def machine():
    cpu = "unknown"
    for row in Path("/proc/cpuinfo").read_text().splitlines():
        if row.startswith("model name"):
            cpu = row.split(":", 1)[1].strip()
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "architecture": platform.machine()}


def busy_seconds():
    """Processor time of everything on this machine so far."""
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + sum(interrupts[:2])) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    """Processor time of this process and of those it has waited for."""
    return sum(os.times()[:4])


def main(arguments=None):
    args = parse_arguments(arguments)
    # Both tokenizers use as many threads as the sessions do.
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    started, busy, own = time.monotonic(), busy_seconds(), own_seconds()
    with tempfile.TemporaryDirectory() as work:
        bench = None
        try:
            bench = Bench(args, Path(work))
            found = bench.run()
        except (Unusable, alike.Failed) as error:
            raise SystemExit(f"bench-encoder: {error}") from None
        finally:
            if bench:
                bench.stop()
    others = (busy_seconds() - busy - own_seconds() + own) / (time.monotonic() - started)
    found["machine"]["cores_used_by_others"] = max(0.0, others)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    print(report.page(found))


if __name__ == "__main__":
    main()
