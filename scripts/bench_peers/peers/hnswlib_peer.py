"""hnswlib: the reference implementation of HNSW."""

from ..sweep import Family
from .base import Peer, size_of


def variants(rows, dimension, metric):
    return {f"M{m} efC200": {"m": m, "ef_construction": 200} for m in (16, 32)}


class Hnswlib(Peer):
    def build(self, base, threads):
        import hnswlib

        self.index = hnswlib.Index("ip" if self.inner else "l2", base.shape[1])
        self.index.init_index(len(base), M=self.settings["m"], ef_construction=self.settings["ef_construction"])
        self.index.add_items(base, num_threads=threads)

    def single_threaded(self):
        self.index.set_num_threads(1)

    def families(self):
        return [Family("ef", self.k, 2000)]

    def searcher(self, setting, queries):
        self.index.set_ef(setting["ef"])
        query, k = self.index.knn_query, self.k
        return lambda row: query(row, k, 1), list(queries)

    def ids(self, raw):
        return raw[0][0].tolist()

    def bytes(self):
        self.index.save_index(str(self.folder / "index"))
        return size_of(self.folder / "index")


PEER = Hnswlib
