"""The command: writes catalog.jsonl, events.jsonl, judgments.jsonl, NOTICE and store.json into a folder.

Each file appears under its name only when it is complete; ``store.json`` (settings and the generator's digest) is
removed first and written last, so its presence says that all files belong together.
"""

import argparse
import hashlib
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .catalog import NEWEST, make_items
from .judgments import make_judgments
from .shoppers import DAYS, make_events

DEFAULT_UNTIL = "2026-06-30T18:00:00Z"
FEWEST_ITEMS, MOST_ITEMS = 500, 10_000

NOTICE = """\
Everything in this folder is invented by Alike's sample store generator (scripts/sample_store): the products, brands,
prices, ratings, shoppers and their events, and the judged queries. Any resemblance to real products, companies or
people is a coincidence. Use it for anything, under the same license as Alike (Apache-2.0).
"""


def main(arguments=None):
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.digest:
        print(generator_digest())
        return 0
    write_store(options.out, options.seed, options.items, options.until)
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="sample_store", description="Make an invented store: a catalog, shoppers' events and judged queries."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, metavar="DIR", help="folder to write into, made if missing")
    what.add_argument("--digest", action="store_true", help="print the digest of the generator's sources and stop")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same store (default 7)")
    parser.add_argument("--items", type=_item_count, default=2400, help="catalog size (default 2400)")
    parser.add_argument(
        "--until", type=_moment, default=DEFAULT_UNTIL, metavar="TIMESTAMP",
        help="time of the newest event: RFC 3339 in UTC, or 'now' (default %s)" % DEFAULT_UNTIL,
    )
    return parser


def _item_count(text):
    count = int(text)
    if not FEWEST_ITEMS <= count <= MOST_ITEMS:
        raise argparse.ArgumentTypeError("%d items: choose from %d to %d" % (count, FEWEST_ITEMS, MOST_ITEMS))
    return count


def _moment(text):
    if text == "now":
        return datetime.now(timezone.utc).replace(microsecond=0)
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise argparse.ArgumentTypeError("%r is not a time such as %s" % (text, DEFAULT_UNTIL)) from None
    earliest = NEWEST + timedelta(days=DAYS + 1)
    if moment < earliest:
        raise argparse.ArgumentTypeError("%s: the newest item needs %s or later" % (text, earliest.date()))
    return moment


def generator_digest():
    """SHA-256 over the generator's sources, in name order."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent
    for path in sorted(root.rglob("*.py"), key=lambda one: one.relative_to(root).as_posix()):
        content = path.read_bytes()
        digest.update(("%s %d\n" % (path.relative_to(root).as_posix(), len(content))).encode("utf-8"))
        digest.update(content)
    return digest.hexdigest()


def write_store(folder, seed, count, until):
    """Makes the whole store and writes it."""
    items = make_items(seed, count)
    events = make_events(seed, items, until)
    judgments = make_judgments(seed, items)
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / "store.json"
    marker.unlink(missing_ok=True)
    _write(folder / "catalog.jsonl", (item.record for item in items))
    _write(folder / "events.jsonl", events)
    _write(folder / "judgments.jsonl", judgments)
    _replace(folder / "NOTICE", NOTICE)
    about = {
        "note": "everything in this folder is invented",
        "generator": generator_digest(),
        "seed": seed,
        "items": len(items),
        "events": len(events),
        "queries": len(judgments),
        "until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    _replace(marker, json.dumps(about, indent=2) + "\n")
    print("sample store in %s: %d items, %d events, %d judged queries (all invented)" % (folder, len(items), len(events), len(judgments)))


def _write(path, rows):
    _replace(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _replace(path, text):
    """Writes beside the file and renames over it."""
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)
