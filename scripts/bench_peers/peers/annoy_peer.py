"""Annoy: a forest of random-projection trees."""

from ..sweep import Family
from .base import Peer, size_of

TREES = 100


def variants(rows, dimension, metric):
    return {f"{TREES} trees": {}}


class Annoy(Peer):
    def build(self, base, threads):
        from annoy import AnnoyIndex

        metric = {"cosine": "angular", "dot": "dot", "l2": "euclidean"}[self.metric]
        self.index = AnnoyIndex(base.shape[1], metric)
        self.index.set_seed(1)
        with self.conversion():
            for row, vector in enumerate(base):
                self.index.add_item(row, vector)
        self.index.build(TREES, n_jobs=threads)

    def families(self):
        return [Family("search_k", 100 * self.k, 400_000)]

    def searcher(self, setting, queries):
        search, k, nodes = self.index.get_nns_by_vector, self.k, setting["search_k"]
        return lambda row: search(row, k, nodes), queries.tolist()

    def ids(self, raw):
        return raw

    def bytes(self):
        self.index.save(str(self.folder / "index"))
        return size_of(self.folder / "index")


PEER = Annoy
