"""Exact search with NumPy: one matrix-vector product a query. The floor that every index has to beat."""

from ..sweep import Family
from .base import Peer


def variants(rows, dimension, metric):
    return {"exact": {}}


class Numpy(Peer):
    def build(self, base, threads):
        import numpy as np

        self.numpy, self.base = np, np.array(base)
        # Inner product ranks as it is; nearest by L2 is biggest q.x - |x|^2 / 2.
        self.bias = 0.0 if self.inner else np.einsum("ij,ij->i", self.base, self.base) / 2

    def families(self):
        return [Family("passes", 1, 1)]

    def searcher(self, setting, queries):
        base, bias, k, partition = self.base, self.bias, self.k, self.numpy.argpartition

        def search(query):
            # Python's objects for one row, made by the search itself as with the other peers.
            return partition(bias - base @ query, min(k, len(base) - 1))[:k]

        return search, list(queries)

    def ids(self, raw):
        return raw.tolist()

    def bytes(self):
        return self.base.nbytes


PEER = Numpy
