"""Vectors and their true neighbors."""

import hashlib
import json

import numpy as np

METRICS = ("cosine", "dot", "l2")
# Rows looked at together: with 2,000 queries their scores take 64 MB.
BLOCK = 4096


class Unusable(Exception):
    """Input that cannot be measured; the text names the file, what was found and what was expected."""


def load(path):
    """Float32 rows of a .npy file, mapped."""
    try:
        rows = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise Unusable(f"{path}: could not read this file as .npy ({error})") from error
    if rows.ndim != 2 or 0 in rows.shape or rows.dtype != np.float32:
        raise Unusable(f"{path}: found {rows.dtype} of shape {rows.shape}, expected float32 of shape (rows, dimension)")
    if not all(np.isfinite(block).all() for block in blocks(rows)):
        raise Unusable(f"{path}: found values that are not finite, expected finite ones")
    return rows


def blocks(rows, size=BLOCK):
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def normalized(rows):
    """Each row divided by its length; a zero row stays zero."""
    result = np.empty(rows.shape, np.float32)
    for start in range(0, len(rows), BLOCK):
        block = np.asarray(rows[start : start + BLOCK], np.float32)
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        result[start : start + BLOCK] = block / np.where(lengths > 0, lengths, 1)
    return result


def scores(base, queries, metric):
    """Bigger is nearer, in float64: (queries, base rows). Rows are normalized already where the metric is cosine."""
    base, queries = base.astype(np.float64), queries.astype(np.float64)
    product = queries @ base.T
    return 2 * product - (base**2).sum(axis=1) if metric == "l2" else product


def true_neighbors(base, queries, metric, k):
    """(queries, k) int32 row numbers, nearest first; of two equally near rows the one of lower number comes first."""
    k = min(k, len(base))
    best = np.full((len(queries), 0), 0.0), np.zeros((len(queries), 0), np.int64)
    for number, block in enumerate(blocks(base)):
        score = scores(block, queries, metric)
        rows = np.broadcast_to(np.arange(score.shape[1]) + number * BLOCK, score.shape)
        best = nearest(np.hstack([best[0], score]), np.hstack([best[1], rows]), k)
    return best[1].astype(np.int32)


def nearest(score, rows, k):
    """The k best columns of each line, sorted."""
    if score.shape[1] > k:
        # With everything that ties with the k-th kept, so that ties do not depend on the blocks.
        kth = np.partition(score, score.shape[1] - k, axis=1)[:, score.shape[1] - k]
        width = int((score >= kth[:, None]).sum(axis=1).max())
        chosen = np.argpartition(-score, width - 1, axis=1)[:, :width]
        score, rows = np.take_along_axis(score, chosen, 1), np.take_along_axis(rows, chosen, 1)
    order = np.lexsort((rows, -score))[:, :k]
    return np.take_along_axis(score, order, 1), np.take_along_axis(rows, order, 1)


def clustered(rows, queries, dimension, seed):
    """Made-up vectors for a trial run: clusters within clusters, (base, queries), float32.

    Noise alone would be no trial: in it everything is equally far and no graph helps."""
    rng = np.random.default_rng(seed)
    total, rank = rows + queries, max(2, dimension // 4)
    coarse = rng.standard_normal((20, rank))
    fine = coarse[rng.integers(20, size=400)] + 0.8 * rng.standard_normal((400, rank))
    inner = fine[rng.integers(400, size=total)] + 0.8 * rng.standard_normal((total, rank))
    values = inner @ rng.standard_normal((rank, dimension)) / rank**0.5
    values = (values + 0.2 * rng.standard_normal((total, dimension))).astype(np.float32)
    return values[:rows], values[rows:]


def digest(base, queries, metric, k):
    """Names a problem: the same text for the same vectors, metric and k."""
    state = hashlib.sha256(json.dumps([base.shape, queries.shape, metric, k]).encode())
    for rows in (base, queries):
        for block in blocks(rows):
            state.update(np.ascontiguousarray(block))
    return state.hexdigest()
