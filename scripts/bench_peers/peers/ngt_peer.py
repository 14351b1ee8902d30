"""NGT: Yahoo Japan's graph with a tree for entry points. The wheel builds no quantized graph (NGT-QG)."""

from ..sweep import Family
from .base import Peer, size_of


def variants(rows, dimension, metric):
    return {"ANNG E20": {"edges": 20}}


class Ngt(Peer):
    def build(self, base, threads):
        import ngtpy

        distance = {"cosine": "Normalized Cosine", "dot": "Inner Product", "l2": "L2"}[self.metric]
        self.path = self.folder / f"index{len(base)}"
        ngtpy.create(
            str(self.path), base.shape[1], edge_size_for_creation=self.settings["edges"], distance_type=distance
        )
        self.index = ngtpy.Index(str(self.path), log_disabled=True)
        self.index.batch_insert(base, num_threads=threads)

    def families(self):
        return [Family("epsilon_percent", 1, 60, {"edges": edges}) for edges in (20, 40, 80)]

    def searcher(self, setting, queries):
        search, k = self.index.search, self.k
        epsilon, edges = setting["epsilon_percent"] / 100, setting["edges"]
        return lambda row: search(row, k, epsilon, edges, with_distance=False), list(queries)

    def ids(self, raw):
        return list(raw)

    def bytes(self):
        self.index.save()
        return size_of(self.path)


PEER = Ngt
