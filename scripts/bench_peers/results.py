"""results.json: what was measured, one entry per index; later runs add to it or replace what they measured again."""

import json
import os
import platform
from pathlib import Path

from .figures import Point

FORMAT = 1


class Results:
    """``problem``: the set of vectors; ``runs``: one per start of the program, with Alike's figures; ``peers``: one per
    index, with the number of the run it was measured in."""

    def __init__(self, path, problem, append):
        self.path = Path(path)
        self.content = {"format": FORMAT, "machine": machine(), "problem": problem, "runs": [], "peers": []}
        if append and self.path.exists():
            self.content = self.earlier(problem)
        self.content["runs"].append({"alike": [], "alike_failed": None})
        self.number = len(self.content["runs"]) - 1

    def earlier(self, problem):
        content = json.loads(self.path.read_text())
        if content.get("format") != FORMAT or content["problem"]["digest"] != problem["digest"]:
            raise SystemExit(f"{self.path}: is of other vectors, metric or k; use another --out, or leave out --append")
        return content

    @property
    def run(self):
        return self.content["runs"][self.number]

    def add(self, entry):
        """Replaces the entry of the same index, or that of a library that could not be installed before."""
        key = entry["library"], entry["variant"]
        kept = [old for old in self.content["peers"] if (old["library"], old["variant"]) != key]
        if entry["variant"] is not None:
            kept = [old for old in kept if (old["library"], old["variant"]) != (entry["library"], None)]
        self.content["peers"] = [*kept, entry | {"run": self.number}]
        self.write()

    def write(self):
        beside = self.path.with_suffix(".tmp")
        beside.write_text(json.dumps(self.content, indent=1) + "\n")
        os.replace(beside, self.path)


def points_of(entry):
    return [Point(**point) for point in entry.get("points", []) if point["passes"]]


def machine():
    cpu = "unknown"
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        cpu = {name.strip(): value.strip() for name, value in fields.items()}.get("model name", cpu)
    except OSError:
        pass
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "architecture": platform.machine()}
