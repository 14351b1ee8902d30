"""Arithmetic: medians, percentiles, ratios, overlap of neighbors, nDCG."""

import math
import statistics

import numpy as np

# ESCI labels as src/evaluation.rs weighs them (Shopping Queries Dataset, Reddy et al. 2022).
GAINS = {"exact": 1.0, "substitute": 0.1, "complement": 0.01, "irrelevant": 0.0}
QUERIES_AT_ONCE = 256


def median(values):
    return statistics.median(values)


def percentile(values, share):
    """The value that this share of them do not exceed (no interpolation)."""
    ordered = sorted(values)
    return ordered[round((len(ordered) - 1) * share)]


def ratios(ours, theirs):
    """Ours by theirs: of the medians, and the lowest and highest of the rounds, each with its neighbor in time."""
    rounds = [own / other for own, other in zip(ours, theirs, strict=True)]
    return {"ratio": median(ours) / median(theirs), "lowest": min(rounds), "highest": max(rounds)}


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def cosines(ours, theirs):
    """Cosine of each row with its counterpart."""
    return (unit(ours.astype(np.float64)) * unit(theirs.astype(np.float64))).sum(1)


def nearest(queries, documents, k, own=None):
    """Positions of the ``k`` documents with the highest cosine for each query, best first, the lower position first among
    equals. ``own[i]`` is the document that query i is itself: it is left out."""
    queries, documents = unit(queries.astype(np.float32)), unit(documents.astype(np.float32))
    found = []
    for at in range(0, len(queries), QUERIES_AT_ONCE):
        scores = queries[at : at + QUERIES_AT_ONCE] @ documents.T
        if own is not None:
            scores[np.arange(len(scores)), own[at : at + QUERIES_AT_ONCE]] = -np.inf
        found.append(np.argsort(-scores, axis=1, kind="stable")[:, :k])
    return np.concatenate(found)


def overlap(ours, theirs):
    """Mean share of the rows' entries that both have."""
    shared = [len(set(own) & set(other)) for own, other in zip(ours.tolist(), theirs.tolist(), strict=True)]
    return sum(shared) / (len(shared) * ours.shape[1])


def ndcg(ranking, labels, k=10):
    """nDCG@k with linear gains; an item that nobody judged has gain 0. None without any positive gain."""
    gains = {item: GAINS[label] for item, label in labels.items()}
    best = discounted(sorted(gains.values(), reverse=True)[:k])
    return discounted([gains.get(item, 0.0) for item in ranking[:k]]) / best if best > 0 else None


def discounted(gains):
    return sum(gain / math.log2(place) for place, gain in enumerate(gains, 2))
