"""What each peer provides. A module here has ``variants(rows, dimension, metric)`` and ``PEER``; it imports its library
inside of ``PEER`` only."""

import time
from contextlib import contextmanager
from pathlib import Path


def size_of(path):
    """Bytes of a file, or of all files under a folder."""
    path = Path(path)
    return (
        path.stat().st_size
        if path.is_file()
        else sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    )


class Peer:
    """One index of one library.

    ``settings`` is the variant's; ``folder`` an empty one of its own; ``metric`` cosine, dot or l2."""

    def __init__(self, settings, metric, k, folder):
        self.settings, self.metric, self.k, self.folder = settings, metric, k, Path(folder)
        self.converting = 0.0

    @property
    def inner(self):
        """Whether rows are compared by inner product: they are normalized where the metric is cosine."""
        return self.metric != "l2"

    def build(self, base, threads):
        """Indexes the rows; only this is timed as building, less what ``conversion`` took."""
        raise NotImplementedError

    @contextmanager
    def conversion(self):
        """Around work that only Python needs, such as turning an array into lists: it is no part of building."""
        started = time.perf_counter()
        yield
        self.converting += time.perf_counter() - started

    def single_threaded(self):
        """Called once between building and searching."""

    def families(self):
        """The settings to sweep."""
        raise NotImplementedError

    def polish(self, setting, queries, truth):
        """More settings worth trying where this one is the fastest that reaches a target."""
        return []

    def searcher(self, setting, queries):
        """(call, prepared queries): ``call`` of one of them is one search, and all that is timed."""
        raise NotImplementedError

    def ids(self, raw):
        """Row numbers in what ``call`` gave."""
        raise NotImplementedError

    def bytes(self):
        """Size of the index as the library saves it, or None where it cannot tell."""
        return None

    def tiny(self, rows):
        """The same kind of call on an index of a few rows: a peer whose kind of index needs many to train on uses
        another one here. The call's overhead is measured on it."""
        peer = type(self)(self.settings, self.metric, min(self.k, len(rows)), self.folder)
        peer.build(rows, 1)
        peer.single_threaded()
        return peer
