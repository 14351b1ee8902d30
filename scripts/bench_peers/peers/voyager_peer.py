"""Voyager: Spotify's HNSW."""

from ..sweep import Family
from .base import Peer, size_of


def variants(rows, dimension, metric):
    return {f"{kind} M16 efC200": {"kind": kind} for kind in ("Float32", "E4M3")}


class Voyager(Peer):
    def build(self, base, threads):
        import voyager

        space = {"cosine": voyager.Space.Cosine, "dot": voyager.Space.InnerProduct, "l2": voyager.Space.Euclidean}
        kind = getattr(voyager.StorageDataType, self.settings["kind"])
        self.index = voyager.Index(
            space[self.metric], base.shape[1], M=16, ef_construction=200, max_elements=len(base), storage_data_type=kind
        )
        self.index.add_items(base, ids=list(range(len(base))), num_threads=threads)

    def families(self):
        return [Family("ef", self.k, 2000)]

    def searcher(self, setting, queries):
        query, k, ef = self.index.query, self.k, setting["ef"]
        return lambda row: query(row, k, 1, ef), list(queries)

    def ids(self, raw):
        return raw[0].tolist()

    def bytes(self):
        self.index.save(str(self.folder / "index"))
        return size_of(self.folder / "index")


PEER = Voyager
