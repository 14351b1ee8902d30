"""Intel's Scalable Vector Search: Vamana graphs over LVQ and LeanVec codes (the PyPI wheel has both)."""

from ..sweep import TARGETS, Family
from .base import Peer, size_of

# What SVS' documentation advises: alpha under 1 where bigger is nearer.
ALPHA = {True: 0.95, False: 1.2}
LOOKAHEADS = [(0, 0), (1, 1), (2, 1), (4, 1), (4, 2), (8, 2), (12, 4), (16, 4)]


def variants(rows, dimension, metric):
    codes = {
        "LVQ4x8": {"primary": 4, "residual": 8},
        "LVQ8": {"primary": 8, "residual": 0},
        "LVQ4x4": {"primary": 4, "residual": 4},
        "LeanVec d/2 4x8": {"primary": 4, "residual": 8, "reduced": dimension // 2},
        "LeanVec d/2 8x8": {"primary": 8, "residual": 8, "reduced": dimension // 2},
        "LeanVec d/4 8x8": {"primary": 8, "residual": 8, "reduced": dimension // 4},
    }
    degrees = {"LVQ4x4": (64,), "LeanVec d/2 8x8": (64,), "LeanVec d/4 8x8": (64,)}
    return {
        f"Vamana R{degree} {name}": {"degree": degree, "window": {32: 128, 64: 200}[degree]} | code
        for name, code in codes.items()
        for degree in degrees.get(name, (32, 64))
    }


class Svs(Peer):
    def build(self, base, threads):
        import svs

        parameters = svs.VamanaBuildParameters(
            alpha=ALPHA[self.inner], graph_max_degree=self.settings["degree"], window_size=self.settings["window"]
        )
        distance = svs.DistanceType.MIP if self.inner else svs.DistanceType.L2
        self.index = svs.Vamana.build(parameters, self.loader(svs, base), distance, num_threads=threads)

    def loader(self, svs, base):
        path = self.folder / "base.fvecs"
        with self.conversion():
            svs.write_vecs(base, str(path))
        data = svs.VectorDataLoader(str(path), svs.float32, base.shape[1])
        primary, residual = self.settings["primary"], self.settings["residual"]
        if "reduced" in self.settings:
            kinds = {4: svs.LeanVecKind.lvq4, 8: svs.LeanVecKind.lvq8}
            return svs.LeanVecLoader(data, self.settings["reduced"], kinds[primary], kinds[residual])
        return svs.LVQLoader(data, primary=primary, residual=residual, padding=32)

    def single_threaded(self):
        self.index.num_threads = 1
        parameters = self.index.search_parameters
        self.prefetch = parameters.prefetch_lookahead, parameters.prefetch_step
        (self.folder / "base.fvecs").unlink()

    def families(self):
        return [
            Family("window", 3, 1000, {"capacity": ratio, "visited": visited})
            for ratio in (1.0, 1.25, 1.5, 2.0, 3.0)
            for visited in ((False, True) if ratio in (1.0, 1.5) else (False,))
        ]

    def polish(self, setting, queries, truth):
        found = [setting | {"lookahead": ahead, "step": step} for ahead, step in LOOKAHEADS]
        return found + ([] if "exact_capacity" in setting else self.calibrated(queries, truth))

    def calibrated(self, queries, truth):
        """What SVS' own calibration chooses for each target, given the very queries: once per index."""
        if hasattr(self, "own"):
            return []
        import numpy as np

        self.own = []
        for target in TARGETS:
            try:
                chosen = self.index.experimental_calibrate(queries, truth.astype(np.uint32), self.k, target)
            except Exception as error:  # a target out of reach; whatever the library raises, the sweep goes on
                print(f"calibration for {target}: {error}", flush=True)
                continue
            buffer = chosen.buffer_config
            self.own.append(
                {
                    "window": buffer.search_window_size,
                    "exact_capacity": buffer.search_buffer_capacity,
                    "visited": chosen.search_buffer_visited_set,
                    "lookahead": chosen.prefetch_lookahead,
                    "step": chosen.prefetch_step,
                }
            )
        return self.own

    def searcher(self, setting, queries):
        import svs

        window = setting["window"]
        capacity = setting.get("exact_capacity") or max(self.k, window, round(setting["capacity"] * window))
        parameters = self.index.search_parameters
        parameters.buffer_config = svs.SearchBufferConfig(window, capacity)
        parameters.search_buffer_visited_set = setting["visited"]
        parameters.prefetch_lookahead = setting.get("lookahead", self.prefetch[0])
        parameters.prefetch_step = setting.get("step", self.prefetch[1])
        self.index.search_parameters = parameters
        search, k = self.index.search, self.k
        return lambda row: search(row, k), list(queries)

    def ids(self, raw):
        return raw[0][0].tolist()

    def bytes(self):
        folders = [self.folder / name for name in ("config", "graph", "data")]
        self.index.save(*map(str, folders))
        return sum(map(size_of, folders))


PEER = Svs
