"""Purchases before and after a moment, and how well scores foretell those after it."""

import csv
import fnmatch
import gzip
from datetime import datetime, timezone

import numpy as np
import scipy.sparse as sp

TOP = 20
DAY = 86400
DISCOUNT = 1 / np.log2(np.arange(2, TOP + 2))


def seconds(text):
    """Time stamp (ISO date or seconds since 1970) -> seconds since 1970, UTC where none is named."""
    try:
        return float(text)
    except ValueError:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()


def read_events(args):
    """Reads the CSV: arrays user (-1: unknown), item, time, basket, and the counts of each."""
    only = [condition.split("=", 1) for condition in args.only]
    opener = gzip.open if str(args.events).endswith(".gz") else open
    ids = {"user": {}, "item": {}, "basket": {}}
    rows = []
    with opener(args.events, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if not all(fnmatch.fnmatchcase(row[column], pattern) for column, pattern in only):
                continue
            if args.quantity in row and float(row[args.quantity]) <= 0:
                continue
            user = row[args.user]
            item, basket = (
                ids[kind].setdefault(row[column], len(ids[kind]))
                for kind, column in (("item", args.item), ("basket", args.basket))
            )
            who = ids["user"].setdefault(user, len(ids["user"])) if user else -1
            rows.append((who, item, seconds(row[args.time]), basket))
    data = np.array(rows)
    user, item, basket = (data[:, column].astype(np.int64) for column in (0, 1, 3))
    return user, item, data[:, 2], basket, len(ids["user"]), len(ids["item"]), len(ids["basket"])


def binary(rows, cols, shape):
    """Sparse 0/1 matrix of the (row, col) pairs."""
    m = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, cols)), shape=shape)
    m.sum_duplicates()
    m.data[:] = 1
    return m


class Split:
    """Training matrices before `start`, and the three tasks of the time [start, end)."""

    def __init__(self, events, start, end):
        user, item, when, basket, n_user, n_item, n_basket = events[:7]
        self.n = n_item
        train, test = when < start, (when >= start) & (when < end)
        known = train & (user >= 0)
        self.X = binary(user[known], item[known], (n_user, n_item))
        per_basket = binary(basket, item, (n_basket, n_item))
        self.XB = per_basket[np.unique(basket[train])]
        recent = train & (when >= start - 30 * DAY)
        self.pop = np.asarray(per_basket[np.unique(basket[recent])].sum(0)).ravel()
        self.seen = np.bincount(item[train], minlength=n_item) > 0
        has_history = np.diff(self.X.indptr) > 0
        who = test & (user >= 0)
        who[who] &= has_history[user[who]]
        self.users = np.unique(user[who])
        self.H = self.X[self.users].toarray() > 0
        self.want_all = binary(user[who], item[who], (n_user, n_item))[self.users].toarray() > 0
        self.want_new = self.want_all & ~self.H
        rows = np.unique(basket[test])
        size = np.diff(per_basket.indptr)[rows]
        self.basket_rows = rows[(size >= 2) & (size <= 30)]
        self.baskets = per_basket[self.basket_rows]

    def for_you(self, scores, new):
        """(recall, nDCG) of a dense users x items score matrix."""
        wanted = self.want_new if new else self.want_all
        scores = np.where(self.seen[None, :], scores, -np.inf)
        if new:
            scores[self.H] = -np.inf
        some = wanted.sum(1) > 0
        scores, wanted = scores[some], wanted[some]
        best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        hit = np.take_along_axis(wanted, best, 1)
        count = np.minimum(wanted.sum(1), TOP)
        return (float((hit.sum(1) / count).mean()),
                float(((hit * DISCOUNT).sum(1) / np.cumsum(DISCOUNT)[count - 1]).mean()))

    def together(self, B, prior=None):
        """(recall, nDCG) of item-to-item scores B (from, to), summed over the basket's rest."""
        recall, gain = [], []
        for r in range(self.baskets.shape[0]):
            items = self.baskets.indices[self.baskets.indptr[r]:self.baskets.indptr[r + 1]]
            rows = B[items]
            scores = rows.sum(0)[None, :] - rows
            if prior is not None:
                scores = scores + prior[None, :]
            target = scores[np.arange(len(items)), items].copy()
            scores[:, items] = -np.inf
            scores[:, ~self.seen] = -np.inf
            # ties count half: no model gains by giving all items the same score
            rank = (scores > target[:, None]).sum(1) + (scores == target[:, None]).sum(1) // 2
            hit = (rank < TOP) & self.seen[items]
            recall.append(hit.mean())
            gain.append((hit / np.log2(rank + 2)).mean())
        return float(np.mean(recall)), float(np.mean(gain))
