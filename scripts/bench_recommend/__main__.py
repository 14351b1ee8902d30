"""``scripts/bench-recommend``: arguments, and what is measured with them."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_recommend import alike, table  # noqa: E402  (the path comes first)

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("pop", "knn", "als", "bpr", "ease")
DESCRIPTION = """\
Measure Alike's recommendations beside popularity, item-kNN, ALS and BPR (implicit) and EASE in one run, on the same
purchases. Each of those is tuned, task by task, on the month before --split-at, then trained on everything before it and
scored on what comes after. Tasks, 20 recommendations each: for_you_new (what known users buy that they did not have),
for_you_all (all that they buy), bought_together (every line of a basket of 2 to 30 items hidden in turn, from the rest).
Python's side is installed from PyPI, pinned, into .alike/bench-recommend-venv."""
EXAMPLES = """\
example:
  scripts/bench-recommend transactions.csv.gz --user CustomerID --item StockCode --time InvoiceDate --basket InvoiceNo \\
      --quantity Quantity --only 'StockCode=[0-9][0-9][0-9][0-9][0-9]*' --split-at 2011-09-01"""


def model_list(text):
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected some of {', '.join(MODELS)}")
    return names


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(
        prog="scripts/bench-recommend",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("events", type=Path, help="CSV of purchases, one line an item; also .gz")
    for name in ("user", "item", "time", "basket", "quantity"):
        add(f"--{name}", default=name, metavar="COLUMN", help=f"({name})")
    add("--only", action="append", default=[], metavar="COLUMN=PATTERN", help="use only rows whose column matches")
    add("--split-at", required=True, metavar="DATE", help="train before it, test from it on")
    add("--test-days", type=float, default=30, metavar="N", help="days after it that are tested on (30)")
    add("--tune-days", type=float, default=31, metavar="N", help="days before it that the others are tuned on (31)")
    add("--models", type=model_list, default=list(MODELS), metavar="NAMES", help=f"of {', '.join(MODELS)} (all)")
    add("--program", type=Path, default=ROOT / "target/release/alike", metavar="FILE", help="(target/release/alike)")
    add("--json", type=Path, metavar="FILE", help="write everything that was measured there")
    return parser.parse_args(arguments)


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure_models(args):
    from bench_recommend import models, purchases

    events = purchases.read_events(args)
    at = purchases.seconds(args.split_at)
    tune = purchases.Split(events, at - args.tune_days * purchases.DAY, at)
    final = purchases.Split(events, at, args.until)
    measured = {}
    for kind in args.models:
        started = time.monotonic()
        measured[kind] = models.measure(kind, tune, final, say)
        say(f"{kind}: {time.monotonic() - started:.0f} s")
    return measured


def measure_alike(args):
    return {
        name: {task: alike.measure(args.program, args, words + more) for task, words in tasks.items()}
        for name, (tasks, more) in alike.VARIANTS.items()
    }


def main():
    from bench_recommend.purchases import DAY, seconds

    args = parse_arguments()
    args.until = seconds(args.split_at) + args.test_days * DAY
    try:
        ours = measure_alike(args)
    except alike.Failed as error:
        sys.exit(f"bench-recommend: {error}")
    models = measure_models(args)
    print("\n".join(table.table(models, ours, list(alike.TASKS))))
    if args.json:
        args.json.write_text(json.dumps({"models": models, "alike": ours}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
