"""USearch: HNSW over floats, halves and 8-bit integers."""

from ..sweep import Family
from .base import Peer


def variants(rows, dimension, metric):
    return {f"{kind} M16 efC200": {"kind": kind} for kind in ("f32", "f16", "i8")}


class Usearch(Peer):
    def build(self, base, threads):
        import numpy as np
        from usearch.index import Index

        metric = {"cosine": "cos", "dot": "ip", "l2": "l2sq"}[self.metric]
        self.index = Index(
            ndim=base.shape[1], metric=metric, dtype=self.settings["kind"], connectivity=16, expansion_add=200
        )
        self.index.add(np.arange(len(base), dtype=np.uint64), base, threads=threads)

    def families(self):
        return [Family("expansion", self.k, 2000)]

    def searcher(self, setting, queries):
        self.index.expansion_search = setting["expansion"]
        search, k = self.index.search, self.k
        return lambda row: search(row, k, threads=1), list(queries)

    def ids(self, raw):
        return raw.keys.tolist()

    def bytes(self):
        return self.index.serialized_length


PEER = Usearch
