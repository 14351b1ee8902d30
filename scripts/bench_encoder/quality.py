"""Quality: how near the vectors are to fp32's, whether neighbors stay the same, whether judged answers stay as good."""

import hashlib
import random
import time

import numpy as np

from .figures import cosines, ndcg, nearest, overlap

TITLES, QUERIES, K = 10_000, 1_000, 10
REACH = {"mean cosine": 0.998, "overlap": 0.96, "ndcg difference": 0.005}


def same_text_twice(contender, texts, rows, seed):
    """Cosine of the vectors of 1,024 texts with those of the same texts in another order: what batch mates change."""
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    again = contender.vectors([texts[row] for row in order])
    return cosines(rows[order], again)


def measure(contenders, reference, source, kept, titles=TITLES, queries=QUERIES):
    """``reference`` is the fp32 baseline; ``contenders`` are the others. Everything is encoded as documents are."""
    texts = source.titles(titles)
    chosen = np.array(random.Random(source.seed).sample(range(titles), queries))
    truth = remembered(reference, texts, kept)
    neighbors = nearest(truth[chosen], truth, K, chosen)
    judged = source.real and judged_set(source)
    report = {
        "titles": f"{titles:,} {source.made}titles, seed {source.seed}; {queries:,} of them as queries",
        "contenders": {},
    }
    if judged:
        report["fp32_ndcg"] = judged_quality(lambda texts: remembered(reference, texts, kept), judged)
    for contender in contenders:
        started = time.perf_counter()
        rows = contender.vectors(texts)
        cosine = cosines(rows, truth)
        again = same_text_twice(contender, texts[:1024], rows[:1024], source.seed)
        found = {
            "cosine_mean": float(cosine.mean()),
            "cosine_min": float(cosine.min()),
            "overlap": overlap(nearest(rows[chosen], rows, K, chosen), neighbors),
            "other_batch_mates_cosine_mean": float(again.mean()),
            "other_batch_mates_cosine_min": float(again.min()),
        }
        if judged:
            found["ndcg"] = judged_quality(contender.vectors, judged)
            found["ndcg_difference"] = found["ndcg"] - report["fp32_ndcg"]
        report["contenders"][contender.name] = found | {"seconds": time.perf_counter() - started}
    return report


def remembered(reference, texts, kept):
    """fp32's vectors, kept between runs: they do not depend on batches. Sorted by length, to be done sooner."""
    digest = hashlib.blake2b("\n".join([reference.bundle.digest(), *texts]).encode(), digest_size=12).hexdigest()
    path = kept / f"{digest}.npy"
    if not path.exists():
        order = sorted(range(len(texts)), key=lambda text: len(texts[text]))
        rows = np.empty((len(texts), reference.bundle.dimension), dtype=np.float32)
        rows[order] = reference.vectors([texts[row] for row in order])
        kept.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)
    return np.load(path)


def judged_set(source):
    catalog = source.catalog()
    return [item for item, _ in catalog], [text for _, text in catalog], source.judgments()


def judged_quality(vectors, judged):
    """Mean nDCG@10 of exact search over all products. Queries are encoded as documents are: alike where the model has no
    prefixes, and then what is compared is the encoder alone."""
    items, texts, judgments = judged
    found = nearest(vectors([query for query, _ in judgments]), vectors(texts), K)
    scores = (ndcg([items[row] for row in rows], labels) for rows, (_, labels) in zip(found, judgments, strict=True))
    return float(np.mean([score for score in scores if score is not None]))
