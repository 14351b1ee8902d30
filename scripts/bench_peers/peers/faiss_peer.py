"""Faiss: HNSW over floats and 8-bit scalars; inverted lists with fast-scan codes and exact refinement."""

import math

from ..sweep import Family
from .base import Peer, size_of


def variants(rows, dimension, metric):
    lists = 2 ** max(2, round(math.log2(4 * math.sqrt(rows))) - 1)
    factories = [
        "HNSW16,Flat",
        "HNSW32,Flat",
        "HNSW32,SQ8",
        f"IVF{lists},PQ{dimension // 2}x4fs,RFlat",
        f"IVF{lists},PQ{dimension // 4}x4fs,RFlat",
        f"IVF{lists},RaBitQfs,RFlat",
    ]
    return {factory: {"factory": factory} for factory in factories}


class Faiss(Peer):
    def build(self, base, threads):
        import faiss

        self.faiss = faiss
        faiss.omp_set_num_threads(threads)
        metric = faiss.METRIC_INNER_PRODUCT if self.inner else faiss.METRIC_L2
        self.index = faiss.index_factory(base.shape[1], self.settings["factory"], metric)
        self.refined = isinstance(self.index, faiss.IndexRefine)
        if not self.refined:
            self.index.hnsw.efConstruction = 200
        self.index.train(base)
        self.index.add(base)

    def single_threaded(self):
        self.faiss.omp_set_num_threads(1)

    def families(self):
        if self.refined:
            lists = self.faiss.extract_index_ivf(self.index.base_index).nlist
            return [Family("nprobe", 1, lists, {"k_factor": factor}) for factor in (1, 2, 4, 8, 16, 32, 64)]
        return [Family("efSearch", self.k, 2000, {"bounded": bounded}) for bounded in (True, False)]

    def searcher(self, setting, queries):
        faiss = self.faiss
        if "efSearch" in setting:
            self.index.hnsw.efSearch = setting["efSearch"]
            self.index.hnsw.search_bounded_queue = setting["bounded"]
        elif self.refined:
            self.index.k_factor = setting["k_factor"]
            faiss.extract_index_ivf(self.index.base_index).nprobe = setting["nprobe"]
        search, k = self.index.search, self.k
        return lambda row: search(row, k), [queries[place : place + 1] for place in range(len(queries))]

    def ids(self, raw):
        return raw[1][0].tolist()

    def bytes(self):
        path = self.folder / "index"
        self.faiss.write_index(self.index, str(path))
        return size_of(path)

    def tiny(self, rows):
        return (
            super().tiny(rows)
            if not self.refined
            else FaissFlat(self.settings, self.metric, self.k, self.folder).tiny(rows)
        )


class FaissFlat(Faiss):
    """Inverted lists cannot be trained on ten rows; the Python call is the same."""

    def build(self, base, threads):
        super().__init__({"factory": "Flat"}, self.metric, self.k, self.folder)
        import faiss

        self.faiss, self.refined = faiss, False
        self.index = faiss.index_factory(base.shape[1], "Flat", faiss.METRIC_INNER_PRODUCT)
        self.index.add(base)

    def families(self):
        return [Family("flat", 1, 1)]

    def tiny(self, rows):
        return Peer.tiny(self, rows)


PEER = Faiss
