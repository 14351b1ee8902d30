"""qdrant-edge: Qdrant's engine inside the process, one segment, HNSW over quantized vectors with rescoring."""

from ..sweep import Family
from .base import Peer, size_of


def variants(rows, dimension, metric):
    return {
        "int8+rescore M16 efC200": {"codes": "int8", "m": 16},
        "int8+rescore M32 efC200": {"codes": "int8", "m": 32},
        "turbo4+rescore M16 efC200": {"codes": "turbo4", "m": 16},
    }


class Qdrant(Peer):
    def build(self, base, threads):
        import qdrant_edge as edge

        self.edge = edge
        distance = {"cosine": edge.Distance.Cosine, "dot": edge.Distance.Dot, "l2": edge.Distance.Euclid}[self.metric]
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(size=base.shape[1], distance=distance),
            hnsw_config=edge.HnswIndexConfig(
                m=self.settings["m"], ef_construct=200, full_scan_threshold=1, max_indexing_threads=threads
            ),
            quantization_config=self.quantization(),
            # One segment, indexed whatever its size.
            optimizers=edge.EdgeOptimizersConfig(
                default_segment_number=1, max_segment_size=10**9, indexing_threshold=1
            ),
            max_search_threads=1,
            wal_enabled=False,
        )
        path = self.folder / f"shard{len(base)}"
        path.mkdir()
        self.path, self.shard = path, edge.EdgeShard.create(str(path), config)
        for start in range(0, len(base), 5000):
            with self.conversion():
                block = base[start : start + 5000].tolist()
                points = [edge.Point(start + row, vector) for row, vector in enumerate(block)]
            self.shard.update(edge.UpdateOperation.upsert_points(points))
        self.shard.optimize()

    def quantization(self):
        edge = self.edge
        if self.settings["codes"] == "int8":
            return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99, memory=edge.Memory.Pinned)
        return edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits4, memory=edge.Memory.Pinned)

    def families(self):
        plain = [Family("hnsw_ef", self.k, 1500, {"rescore": False})]
        return plain + [
            Family("hnsw_ef", self.k, 1500, {"rescore": True, "oversampling": ratio})
            for ratio in (1.0, 1.5, 2.0, 3.0, 5.0)
        ]

    def searcher(self, setting, queries):
        edge = self.edge
        codes = edge.QuantizationSearchParams(rescore=setting["rescore"], oversampling=setting.get("oversampling"))
        parameters = edge.SearchParams(hnsw_ef=setting["hnsw_ef"], quantization=codes)
        requests = [edge.SearchRequest(edge.Query.Nearest(row.tolist()), self.k, params=parameters) for row in queries]
        return self.shard.search, requests

    def ids(self, raw):
        return [point.id for point in raw]

    def bytes(self):
        self.shard.flush()
        return size_of(self.path)


PEER = Qdrant
