"""Checks what a running Alike answers about the invented store; used by ``scripts/quickstart --check``.

Each answer is compared with the catalog it should come from. Prints one OK line and exits 0, or says what was
expected and what was found and exits 1.
"""

import argparse
import json
import sys
from pathlib import Path

from sample_store.departments import DEPARTMENTS
from sample_store.shoppers import HEAT_WAVE

# How many of the ten trending items must belong to the trend that the generator put in.
TRENDING_AT_LEAST = 6


class Unexpected(Exception):
    """An answer that is not what it should be; the text says what was expected and what was found."""


def main(arguments=None):
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        answer = _parse(options.answer.read_text(encoding="utf-8"))
        print("OK %s: %s" % (options.what, CHECKS[options.what](answer, _catalog(options.catalog), options)))
    except Unexpected as problem:
        print("%s: %s" % (options.what, problem), file=sys.stderr)
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="check_answers.py", description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=sorted(CHECKS))
    parser.add_argument("--answer", type=Path, required=True, help="file with the answer's JSON")
    parser.add_argument("--catalog", type=Path, required=True, help="catalog.jsonl of the invented store")
    parser.add_argument("--category", help="search: what the first hit has to be")
    parser.add_argument("--department", help="search: what every hit has to belong to")
    parser.add_argument("--below", type=float, help="search: every hit's price is below this")
    parser.add_argument("--like", help="recommend: the item it started from")
    parser.add_argument("--shopper", help="home: whose page it is")
    parser.add_argument("--events", type=Path, help="home: the shoppers' events")
    parser.add_argument("--judgments", type=Path, help="eval: the judged queries")
    parser.add_argument("--ndcg-at-least", type=float, help="eval: the lowest ndcg@10 accepted")
    return parser


def _parse(text):
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise Unexpected("expected JSON (%s), found: %.400s" % (error, text)) from None
    if not isinstance(answer, dict):
        raise Unexpected("expected a JSON object, found: %.400s" % text)
    return answer


def _catalog(path):
    with open(path, encoding="utf-8") as lines:
        return {item["id"]: item for item in map(json.loads, lines)}


def _hits(answer, catalog):
    """The catalog's items in the order of the hits."""
    hits = answer.get("hits")
    if not isinstance(hits, list) or not hits:
        raise Unexpected("expected hits, found: %.400s" % json.dumps(answer))
    for hit in hits:
        if hit.get("id") not in catalog:
            raise Unexpected("expected an item of the catalog, found: %s" % json.dumps(hit))
    return [catalog[hit["id"]] for hit in hits]


def _require(condition, expected, item):
    if not condition:
        raise Unexpected("expected %s, found: %s" % (expected, json.dumps(item)))


def _in_order_of_score(answer):
    scores = [hit["score"] for hit in answer["hits"]]
    _require(scores == sorted(scores, reverse=True), "hits ordered by score", scores)


def check_search(answer, catalog, options):
    """The first hit is of the category; every hit satisfies the filter."""
    items = _hits(answer, catalog)
    _in_order_of_score(answer)
    _require(options.category in items[0]["category"], "a first hit in %s" % options.category, items[0])
    for item, hit in zip(items, answer["hits"]):
        _require(options.department in item["category"], "only hits in %s" % options.department, item)
        _require(item["price"] < options.below, "only prices below %g" % options.below, item)
        _require(item["in_stock"], "only items in stock", item)
        _require(hit.get("fields", {}).get("title") == item["title"], "the title %r" % item["title"], hit)
    return "%d hits, the first is %s" % (len(items), items[0]["title"])


def check_recommend(answer, catalog, options):
    """Other items of the same department."""
    items = _hits(answer, catalog)
    department = catalog[options.like]["category"][0]
    for item in items:
        _require(item["id"] != options.like, "items other than %s" % options.like, item)
        _require(item["category"][0] == department, "only items of %s" % department, item)
    return "%d items of %s like %s" % (len(items), department, catalog[options.like]["title"])


def check_home(answer, catalog, options):
    """Items in stock that the shopper has not bought, mostly of departments that they looked at, each with its strategy."""
    with open(options.events, encoding="utf-8") as lines:
        events = [event for event in map(json.loads, lines) if event.get("user") == options.shopper]
    bought = {event["item"] for event in events if event["type"] == "purchase"}
    seen = {catalog[event["item"]]["category"][0] for event in events if event["item"] in catalog}
    items = _hits(answer, catalog)
    for item, hit in zip(items, answer["hits"]):
        _require(item["in_stock"], "only items in stock", item)
        _require(item["id"] not in bought, "nothing that %s has bought" % options.shopper, item)
        _require(hit.get("strategy"), "the strategy of every hit", hit)
    liked = sum(item["category"][0] in seen for item in items)
    _require(2 * liked >= len(items), "most items from %s" % ", ".join(sorted(seen)), [item["category"] for item in items])
    _require(answer.get("recommendation_id"), "a recommendation_id", sorted(answer))
    return "%d of %d items from departments that %s looks at" % (liked, len(items), options.shopper)


def check_trending(answer, catalog, options):
    """Mostly what the generated heat wave made people look for."""
    shelves = {product.path[-1] for department in DEPARTMENTS for product in department.types if product.key in HEAT_WAVE}
    found = [item["category"][-1] for item in _hits(answer, catalog)]
    trend = sum(shelf in shelves for shelf in found)
    _require(trend >= TRENDING_AT_LEAST, "at least %d items of %s" % (TRENDING_AT_LEAST, ", ".join(sorted(shelves))), found)
    return "%d of %d belong to the heat wave" % (trend, len(found))


def check_eval(answer, catalog, options):
    """Every query counted, and a quality well above keyword search."""
    with open(options.judgments, encoding="utf-8") as lines:
        queries = sum(1 for _ in lines)
    quality = answer.get("ndcg@10")
    _require(answer.get("queries") == queries, "%d queries" % queries, answer)
    _require(isinstance(quality, float) and quality >= options.ndcg_at_least, "ndcg@10 of at least %g" % options.ndcg_at_least, answer)
    return "ndcg@10 is %.3f over %d queries" % (quality, queries)


CHECKS = {
    "search": check_search,
    "recommend": check_recommend,
    "home": check_home,
    "trending": check_trending,
    "eval": check_eval,
}

if __name__ == "__main__":
    sys.exit(main())
