"""The classic recommenders: popularity, item-kNN, EASE, and ALS and BPR of the package implicit."""

import numpy as np


def ease(gram, penalty):
    """EASE (Steck 2019): closed-form item-to-item weights of a Gram matrix."""
    A = np.asarray(gram, dtype=np.float64).copy()
    A[np.diag_indices(len(A))] += penalty
    P = np.linalg.inv(A)
    B = -P / np.diag(P)[None, :]
    np.fill_diagonal(B, 0)
    return B.astype(np.float32)


def cosine_knn(gram, neighbors, shrink):
    """Item-kNN: shrunk cosine, every item keeping its nearest `neighbors`."""
    d = np.sqrt(np.diag(gram))
    C = gram / (d[:, None] * d[None, :] + shrink + 1e-9)
    np.fill_diagonal(C, 0)
    if neighbors < len(C):
        limit = -np.partition(-C, neighbors, axis=1)[:, neighbors]
        C = np.where(C > limit[:, None], C, 0)
    return C.T.astype(np.float32)


def factors(kind, matrix, setting, seed=1):
    """User and item vectors of `implicit`'s ALS or BPR."""
    if kind == "als":
        from implicit.cpu.als import AlternatingLeastSquares as Model

        f, reg, alpha = setting
        model = Model(factors=f, regularization=reg, alpha=alpha, iterations=15,
                      random_state=seed, num_threads=1)
    else:
        from implicit.cpu.bpr import BayesianPersonalizedRanking as Model

        f, reg, rate = setting
        model = Model(factors=f, regularization=reg, learning_rate=rate, iterations=100,
                      random_state=seed, num_threads=1)
    model.fit(matrix.astype(np.float32), show_progress=False)
    return model.user_factors, model.item_factors


GRIDS = {
    "pop": [()],
    "knn": [(k, h) for k in (20, 50, 100, 200, 1000) for h in (0, 10)],
    "ease": [(p,) for p in (10, 30, 60, 100, 200, 300, 500, 1000)],
    "als": [(f, r, a) for f in (64, 128, 256) for r in (1, 10, 30) for a in (1, 5)],
    "bpr": [(f, 0.01, rate) for f in (32, 64, 128) for rate in (0.02, 0.05)],
}
TASKS = ("for_you_new", "for_you_all", "bought_together")


def score(split, kind, setting, tasks=TASKS):
    """All figures of one model with one setting: {task: (recall, nDCG)}."""
    out = {}
    you = [task for task in tasks if task != "bought_together"]
    gram = getattr(split, "gram", None)
    if gram is None:
        split.gram = gram = ((split.X.T @ split.X).toarray(), (split.XB.T @ split.XB).toarray())
    if you:
        if kind == "pop":
            S = np.tile(split.pop, (len(split.users), 1))
        elif kind in ("als", "bpr"):
            users, items = factors(kind, split.X, setting)
            S = users[split.users] @ items.T
        else:
            B = ease(gram[0], *setting) if kind == "ease" else cosine_knn(gram[0], *setting)
            S = split.X[split.users] @ B
        for task in you:
            out[task] = split.for_you(S, task == "for_you_new")
    if "bought_together" in tasks:
        variants = []
        if kind == "pop":
            variants.append(split.together(np.zeros((split.n, split.n), np.float32), split.pop))
        elif kind in ("als", "bpr"):
            # items close to the basket's items, by cosine of vectors trained on the baskets
            items = factors(kind, split.XB, setting)[1]
            if kind == "bpr":
                items = items[:, :-1]  # the last column is the bias
            items = items / (np.linalg.norm(items, axis=1, keepdims=True) + 1e-9)
            variants.append(split.together(items @ items.T))
        else:
            make = ease if kind == "ease" else cosine_knn
            variants.append(split.together(make(gram[1], *setting)))
            if kind == "ease":  # and with each user's baskets, merged, as further rows
                variants.append(split.together(make(gram[0] + gram[1], *setting)))
        best = max(range(len(variants)), key=lambda i: sum(variants[i]))
        out["bought_together"] = variants[best]
    return out


def measure(kind, tune, final, say):
    """Tunes a model for each task on `tune`, and scores it on `final`: {task: entry}."""
    tried = []
    for setting in GRIDS[kind]:
        tried.append((setting, score(tune, kind, setting)))
        say(f"{kind} {setting}: {tried[-1][1]}")
    entries = {}
    for task in TASKS:
        setting, figures = max(tried, key=lambda one: sum(one[1][task]))
        recall, ndcg = score(final, kind, setting, (task,))[task]
        entries[task] = {"setting": list(setting), "tuned": list(figures), "recall@20": recall, "ndcg@20": ndcg}
    return entries
