"""PyNNDescent: nearest-neighbor descent, compiled by Numba."""

from ..sweep import Family
from .base import Peer


def variants(rows, dimension, metric):
    return {"n_neighbors=30": {}}


class Pynndescent(Peer):
    def build(self, base, threads):
        with self.conversion():  # Numba compiles on first use: that is no building
            self.descend(base[:1000], threads)
        self.index = self.descend(base, threads)

    def descend(self, rows, threads):
        from pynndescent import NNDescent

        metric = {"cosine": "cosine", "dot": "dot", "l2": "euclidean"}[self.metric]
        neighbors = min(30, len(rows) - 1)
        index = NNDescent(rows, metric=metric, n_neighbors=neighbors, n_jobs=threads, random_state=1)
        index.prepare()
        return index

    def families(self):
        return [Family("epsilon_percent", 0, 40)]

    def searcher(self, setting, queries):
        query, k, epsilon = self.index.query, self.k, setting["epsilon_percent"] / 100
        return lambda row: query(row, k, epsilon), [queries[place : place + 1] for place in range(len(queries))]

    def ids(self, raw):
        return raw[0][0].tolist()


PEER = Pynndescent
