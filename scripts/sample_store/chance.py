"""Seeded choices that come out the same on every Python version.

Only ``random.Random(int).random()`` is used: its sequence is guaranteed, while that of ``choice``, ``sample`` or
``shuffle`` is not. Everything else here is plain arithmetic on it. Nothing depends on ``hash()`` or on set order.
"""

import random

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3


def _stream_seed(seed, label):
    """FNV-1a over the label, mixed with the seed: every part of the store draws from a stream of its own."""
    value = _FNV_OFFSET ^ (seed * 0x9E3779B97F4A7C15)
    for byte in label.encode("utf-8"):
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return value & 0xFFFFFFFFFFFFFFFF


class Chance:
    """One stream of random decisions, named by seed and label."""

    def __init__(self, seed, label):
        self._next = random.Random(_stream_seed(seed, label)).random

    def unit(self):
        """A number in [0, 1)."""
        return self._next()

    def between(self, low, high):
        """A number in [low, high)."""
        return low + (high - low) * self._next()

    def whole(self, low, high):
        """An integer from low to high, both included."""
        return low + int(self._next() * (high - low + 1))

    def happens(self, probability):
        """True with this probability."""
        return self._next() < probability

    def bell(self):
        """Roughly normal, mean 0, deviation 1, within [-6, 6]: the sum of twelve uniform numbers."""
        return sum(self._next() for _ in range(12)) - 6.0

    def pick(self, options):
        """One of a sequence, all equally likely."""
        return options[int(self._next() * len(options))]

    def weighted(self, options, weights):
        """One of a sequence, by weight."""
        mark = self._next() * sum(weights)
        for option, weight in zip(options, weights):
            mark -= weight
            if mark < 0:
                return option
        return options[-1]

    def shuffled(self, options):
        """All of a sequence in random order (Fisher-Yates), as a list."""
        order = list(options)
        for last in range(len(order) - 1, 0, -1):
            other = int(self._next() * (last + 1))
            order[last], order[other] = order[other], order[last]
        return order

    def some(self, options, count):
        """Up to count different ones of a sequence."""
        return self.shuffled(options)[:count]

    def count(self, mean):
        """A number of repetitions, 0 and up, geometric with this mean."""
        stop = 1.0 / (1.0 + mean)
        repeats = 0
        while self._next() >= stop and repeats < 50:
            repeats += 1
        return repeats
