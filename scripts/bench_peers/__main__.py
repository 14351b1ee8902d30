"""``scripts/bench-peers``: arguments."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_peers import peers, vectors  # noqa: E402  (the folder above has to be on the path first)
from bench_peers.run import Bench  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = """\
Measure Alike and other vector search libraries on the same vectors, against the same true neighbors, in one run: recall
against speed with one query at a time on one thread, build time, bytes. Writes table.md, results.json and plot.svg.

The libraries are installed from PyPI, pinned, into .alike/peers-venv; one that cannot be is named in the table with the
reason. Each index lives in a process of its own; a crash is reported like that, too."""
EXAMPLES = """\
examples:
  scripts/bench-peers --sample 10000
  scripts/bench-peers --vectors base.npy --queries queries.npy --metric cosine --kinds graph,hnsw
  scripts/bench-peers --vectors base.npy --queries queries.npy --metric cosine --peers svs --only 'R64' --append"""


PEERS_HELP = f"of {', '.join(peers.LIBRARIES)} (default: all but pynndescent, which compiles for minutes)"


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}, expected at least 1")
    return value


def peer_list(text):
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in peers.LIBRARIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"found {', '.join(unknown)}, expected some of {', '.join(peers.LIBRARIES)}")
    return names


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/bench-peers",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--vectors", type=Path, metavar="FILE", help="vectors to index: .npy, float32, (rows, dimension)")
    add("--queries", type=Path, metavar="FILE", help="query vectors, as --vectors")
    add("--metric", choices=vectors.METRICS, default="cosine")
    add("--k", type=positive, default=10, help="neighbors per query (10)")
    add("--kinds", default="graph,hnsw", help="Alike's kinds of index (graph,hnsw)")
    add("--peers", type=peer_list, default=peers.DEFAULT, metavar="NAMES", help=PEERS_HELP)
    add("--only", default="", metavar="REGEX", help="of the peers' indexes those that match: 'svs .*LVQ8|hnswlib'")
    add("--threads-build", type=positive, default=2, help="threads that build (2)")
    add("--passes", type=positive, default=3, help="timed passes per setting; the best one counts (3)")
    add(
        "--alike",
        type=Path,
        default=ROOT / "target/release/alike",
        metavar="PATH",
        help="program (target/release/alike)",
    )
    add("--out", type=Path, default=ROOT / ".alike/peers", metavar="DIR", help="(.alike/peers)")
    add("--append", action="store_true", help="add to what --out holds, replacing the indexes measured again")
    add(
        "--time-limit",
        type=float,
        default=3600,
        metavar="SECONDS",
        help="for one build, or one sweep, of a peer (3600)",
    )
    add("--reserve", type=float, default=4e9, metavar="BYTES", help="free memory under which a group is closed (4e9)")
    add("--sample", type=positive, metavar="N", help="trial run on N made-up clustered vectors instead of --vectors")
    add("--dimension", type=positive, default=96, help="of --sample (96)")
    add("--seed", type=int, default=1, help="of --sample (1)")
    args = parser.parse_args(arguments)
    if not args.sample and not (args.vectors and args.queries):
        parser.error("--vectors and --queries are needed, or --sample")
    if args.sample and args.sample < 100:
        parser.error(f"--sample: found {args.sample}, expected at least 100")
    return args


def main(arguments=None):
    args = parse_arguments(arguments)
    bench = None
    try:
        bench = Bench(args)
        bench.run()
    except vectors.Unusable as error:
        raise SystemExit(f"bench-peers: {error}") from None
    finally:
        if bench:
            bench.close()
    print((args.out / "table.md").read_text())
    print(f"{args.out}: table.md, results.json, plot.svg, logs/")


if __name__ == "__main__":
    main()
