"""Resident memory while texts of mixed lengths go through one encoder: what the example ``memory`` reports, condensed."""

import json
import os
import subprocess

from .alike import PLAIN_ERRORS, Failed, library

STEPS = 20


def measure(program, bundle, variant, count):
    """Memory after each twentieth part of the texts, and what the second half of them added."""
    command = [str(word) for word in (program, library(), bundle.folder, count, variant)]
    done = subprocess.run(command, env=os.environ | PLAIN_ERRORS, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"memory: {done.stderr.strip()[-500:]}")
    points = [json.loads(line) for line in done.stdout.splitlines()]
    return {"variant": variant, "steps": thinned(points)} | growth(points)


def thinned(points):
    """The last point of each twentieth part."""
    count = points[-1]["texts"]
    last = {point["texts"] * STEPS // count: point for point in points}
    return [last[part] for part in sorted(last)]


def growth(points):
    """Of the second half of the points: the slope of a straight line, and highest less lowest. (The first half may still
    meet its longest batch.)"""
    half = points[len(points) // 2 :]
    millions = [point["texts"] / 1e6 for point in half]
    mib = [point["resident_mib"] for point in half]
    middle, mean = sum(millions) / len(half), sum(mib) / len(half)
    spread = sum((x - middle) ** 2 for x in millions)
    slope = sum((x - middle) * (y - mean) for x, y in zip(millions, mib, strict=True)) / spread if spread else 0.0
    return {"mib_per_million": slope, "spread_mib": max(mib) - min(mib)}
