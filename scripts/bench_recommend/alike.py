"""Alike's side: ``alike eval recommend``."""

import json
import subprocess

TASKS = {
    "for_you_new": ["--strategy", "for_you", "--exclude-seen"],
    "for_you_all": ["--strategy", "for_you"],
    "bought_together": ["--strategy", "bought_together", "--every-line", "--anonymous"],
}
# The same, with less or more to go by.
VARIANTS = {
    "Alike": (TASKS, []),
    "Alike, no texts": (TASKS, ["--no-text"]),
    "Alike, known customer": ({"bought_together": ["--strategy", "bought_together", "--every-line"]}, []),
}


class Failed(Exception):
    """Alike could not be run, or said no."""


def command(program, args, task):
    """The command line of one measurement."""
    columns = ["user", "item", "time", "basket", "quantity"]
    given = [word for name in columns for word in (f"--{name}", getattr(args, name))]
    only = [word for condition in args.only for word in ("--only", condition)]
    times = ["--split-at", args.split_at, "--until", str(int(args.until))]
    return [str(program), "eval", "recommend", "--events", str(args.events), *given, *only, *times, *task, "--json"]


def measure(program, args, task):
    """What Alike says about one task."""
    try:
        done = subprocess.run(command(program, args, task), capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failed(f"{program}: could not be run ({error}); build it with cargo build --release") from error
    if done.returncode != 0:
        raise Failed(f"{program}: exit code {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout.strip().splitlines()[-1])
