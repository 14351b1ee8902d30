"""ScaNN: a tree of partitions, anisotropic 4-bit codes, exact reordering."""

import math

from ..sweep import Family
from .base import Peer, size_of


def variants(rows, dimension, metric):
    leaves = max(2, round(math.sqrt(rows)))
    found = {f"tree{count} AH2 reorder": {"leaves": count} for count in (leaves, 2 * leaves)}
    if metric != "l2":
        found[f"tree{2 * leaves} SOAR AH2 reorder"] = {"leaves": 2 * leaves, "spill": True}
    return found


class Scann(Peer):
    def build(self, base, threads):
        import scann

        distance = "dot_product" if self.inner else "squared_l2"
        builder = scann.scann_ops_pybind.builder(base, self.k, distance).set_n_training_threads(threads)
        if len(base) < 1000:
            self.index = builder.score_brute_force().build()
            return
        spill = {"soar_lambda": 1.5, "overretrieve_factor": 2.0} if self.settings.get("spill") else {}
        leaves = self.settings["leaves"]
        builder.tree(leaves, max(1, leaves // 20), training_sample_size=len(base), **spill)
        threshold = 0.2 if self.inner else float("nan")
        builder.score_ah(2, anisotropic_quantization_threshold=threshold)
        self.index = builder.reorder(100).build()

    def families(self):
        if "leaves" not in self.settings:
            return [Family("leaves", 1, 1, {"reorder": self.k})]
        leaves = self.settings["leaves"]
        return [Family("leaves", 1, leaves, {"reorder": self.k * times}) for times in (2, 4, 8, 16, 32, 64, 128)]

    def searcher(self, setting, queries):
        search, k = self.index.search, self.k
        reorder, leaves = setting["reorder"], setting["leaves"]
        return lambda row: search(row, k, reorder, leaves), list(queries)

    def ids(self, raw):
        return raw[0].tolist()

    def bytes(self):
        folder = self.folder / "index"
        folder.mkdir()
        self.index.serialize(str(folder))
        return size_of(folder)

    def tiny(self, rows):
        peer = Scann({}, self.metric, min(self.k, len(rows)), self.folder)
        peer.build(rows, 1)
        return peer


PEER = Scann
