"""The invented store: same seed, same store; believable shape; structure really present in the events."""

import collections
import contextlib
import functools
import io
import json
import sys
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

from sample_store import store  # noqa: E402  (the scripts folder has to be on the path first)
from sample_store.catalog import make_items, type_counts  # noqa: E402
from sample_store.chance import Chance  # noqa: E402
from sample_store.departments import DEPARTMENTS  # noqa: E402
from sample_store.judgments import make_judgments, parse_queries  # noqa: E402
from sample_store.shoppers import DAYS, HEAT_WAVE, make_events  # noqa: E402

SEED, COUNT = 7, 2400
UNTIL = datetime(2026, 6, 30, 18, tzinfo=timezone.utc)
# The first numbers of one stream, written down once: every Python version must give the very same ones.
PINNED = [704, 683, 797, 412, 149, 163]


def moment(event):
    return datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


@functools.lru_cache(maxsize=None)
def the_store():
    """Items, events and judgments, made once for all tests."""
    items = make_items(SEED, COUNT)
    return items, make_events(SEED, items, UNTIL), make_judgments(SEED, items)


class Store(unittest.TestCase):
    """A test that looks at the store."""

    def setUp(self):
        self.items, self.events, self.judgments = the_store()
        self.by_id = {item.id: item for item in self.items}


class ChanceTest(unittest.TestCase):
    def test_streams_are_pinned(self):
        chance = Chance(7, "pin")
        self.assertEqual([chance.whole(0, 999) for _ in range(6)], PINNED)

    def test_streams_are_independent(self):
        self.assertNotEqual(Chance(7, "a").unit(), Chance(7, "b").unit())
        self.assertNotEqual(Chance(7, "a").unit(), Chance(8, "a").unit())

    def test_shuffle_keeps_everything_and_weights_are_respected(self):
        chance = Chance(1, "x")
        self.assertEqual(sorted(chance.shuffled(range(50))), list(range(50)))
        drawn = collections.Counter(chance.weighted("abc", (0, 1, 9)) for _ in range(2000))
        self.assertEqual(drawn["a"], 0)
        self.assertGreater(drawn["c"], 5 * drawn["b"])



class CatalogTest(Store):
    def test_same_seed_same_catalog(self):
        again = make_items(SEED, COUNT)
        self.assertEqual([item.record for item in again], [item.record for item in self.items])
        self.assertNotEqual(make_items(SEED + 1, COUNT)[0].record, self.items[0].record)

    def test_counts(self):
        self.assertEqual(len(self.items), COUNT)
        self.assertGreaterEqual(len({item.type.key for item in self.items}), 36)
        self.assertGreaterEqual(len({item.department.name for item in self.items}), 10)
        for count in (500, 777, 2400):
            self.assertEqual(sum(type_counts(count).values()), count)

    def test_ids_titles_and_descriptions_are_distinct(self):
        self.assertEqual(len(self.by_id), COUNT)
        self.assertEqual(len({item.record["title"] for item in self.items}), COUNT)
        self.assertEqual(len({item.record["description"] for item in self.items}), COUNT)

    def test_descriptions_vary_in_length_and_fill_every_slot(self):
        for item in self.items:
            text = item.record["title"] + item.record["description"]
            self.assertNotRegex(text, r"[{}]")
            self.assertRegex(item.record["description"], r"^[A-Z0-9].*[.!]$")
        lengths = [len(item.record["description"]) for item in self.items]
        self.assertGreater(max(lengths), 2 * min(lengths))

    def test_numbers_are_plausible(self):
        for item in self.items:
            record, (low, high) = item.record, item.type.price
            self.assertTrue(0.7 * low - 1 <= record["price"] <= 1.3 * high + 1, record)
            self.assertTrue(1.0 <= record["rating"] <= 5.0)
            self.assertGreaterEqual(record["rating_count"], 1)
            self.assertIn(record["color"], item.type.colors)
            self.assertEqual(record["category"][0], item.department.name)
        stocked = sum(item.record["in_stock"] for item in self.items) / COUNT
        self.assertTrue(0.85 < stocked < 0.97)

    def test_departments_refer_to_what_exists(self):
        types = {product.key: product for department in DEPARTMENTS for product in department.types}
        for product in types.values():
            kinds = {kind.key for kind in product.kinds}
            self.assertLessEqual(set(product.pairs), set(types))
            for feature in product.features:
                self.assertLessEqual(set(feature.kinds), kinds)


class EventsTest(Store):
    def test_same_seed_same_events(self):
        self.assertEqual(make_events(SEED, self.items, UNTIL), self.events)

    def test_shape(self):
        self.assertTrue(20_000 <= len(self.events) <= 40_000, len(self.events))
        kinds = collections.Counter(event["type"] for event in self.events)
        self.assertEqual(set(kinds), {"view", "click", "cart", "purchase"})
        self.assertGreater(kinds["view"], kinds["cart"])
        self.assertGreater(kinds["cart"], kinds["purchase"])
        for event in self.events:
            self.assertIn(event["item"], self.by_id)
            self.assertEqual(event["collection"], "products")

    def test_times_are_ordered_and_within_the_window(self):
        times = [moment(event) for event in self.events]
        self.assertEqual(times, sorted(times))
        self.assertEqual(times[-1], UNTIL)
        self.assertGreaterEqual(times[0], UNTIL - timedelta(days=DAYS))

    def test_evenings_are_busier_than_nights(self):
        hours = collections.Counter(moment(event).hour for event in self.events)
        self.assertGreater(hours[20], 5 * hours[3])

    def test_popularity_has_a_long_tail(self):
        counts = sorted(collections.Counter(event["item"] for event in self.events).values(), reverse=True)
        self.assertGreater(sum(counts[: len(counts) // 5]), 0.5 * sum(counts))

    def test_shoppers_come_back(self):
        visits = collections.defaultdict(set)
        for event in self.events:
            visits[event["user"]].add(event["session"])
        self.assertGreater(sum(len(found) > 2 for found in visits.values()), 300)

    def test_sessions_are_about_one_or_two_things(self):
        types = collections.defaultdict(set)
        for event in self.events:
            types[event["session"]].add(self.by_id[event["item"]].type.key)
        focused = sum(len(found) <= 2 for found in types.values()) / len(types)
        self.assertGreater(focused, 0.95)
        users = {(event["session"], event["user"]) for event in self.events}
        self.assertEqual(len(users), len(types), "a session belongs to one user")

    def test_nothing_is_bought_that_was_not_in_the_cart(self):
        carted = set()
        for event in self.events:
            step = (event["session"], event["item"])
            if event["type"] == "cart":
                carted.add(step)
            elif event["type"] == "purchase":
                self.assertIn(step, carted)

    def test_complements_are_bought_together(self):
        """Lift of pairs modeled as complements, against what independent purchases would give."""
        baskets = collections.defaultdict(set)
        for event in self.events:
            if event["type"] == "purchase":
                baskets[event["session"]].add(self.by_id[event["item"]].type.key)
        alone = collections.Counter(key for basket in baskets.values() for key in basket)
        for first, second in (("tent", "sleeping_bag"), ("printer", "paper"), ("drill", "drill_bits"), ("fan", "water_bottle")):
            both = sum(first in basket and second in basket for basket in baskets.values())
            lift = both * len(baskets) / (alone[first] * alone[second])
            self.assertGreater(lift, 2.0, (first, second, both, alone[first], alone[second]))

    def test_the_heat_wave_shows_in_the_last_two_days(self):
        recent = [event for event in self.events if moment(event) > UNTIL - timedelta(hours=48)]
        earlier = [event for event in self.events if moment(event) <= UNTIL - timedelta(hours=96)]

        def share(events):
            return sum(self.by_id[event["item"]].type.key in HEAT_WAVE for event in events) / len(events)

        self.assertGreater(share(recent), 3 * share(earlier))
        top = collections.Counter(event["item"] for event in recent).most_common(10)
        self.assertGreaterEqual(sum(self.by_id[item].type.key in HEAT_WAVE for item, _ in top), 8)


class JudgmentsTest(Store):
    def test_queries_and_labels(self):
        self.assertGreaterEqual(len(self.judgments), 60)
        self.assertEqual(len({row["query"] for row in self.judgments}), len(self.judgments))
        for row in self.judgments:
            labels = collections.Counter(row["labels"].values())
            self.assertLessEqual(set(row["labels"]), set(self.by_id))
            self.assertLessEqual(set(labels), {"exact", "substitute", "complement", "irrelevant"})
            self.assertGreaterEqual(labels["exact"], 3, row["query"])
            self.assertGreaterEqual(labels["irrelevant"], 10, row["query"])

    def test_wants_name_existing_types_kinds_features_and_colors(self):
        types = {product.key: product for department in DEPARTMENTS for product in department.types}
        for query, *wants in parse_queries():
            for want in (one for group in wants for one in group):
                product = types[want.type]
                self.assertLessEqual(set(want.kinds), {kind.key for kind in product.kinds}, query)
                self.assertLessEqual(set(want.features), {feature.key for feature in product.features}, query)
                self.assertLessEqual(set(want.colors), set(product.colors), query)

    def test_most_queries_share_no_word_with_the_titles_that_answer_them(self):
        apart = 0
        for row in self.judgments:
            words = {word for word in row["query"].lower().split() if len(word) > 3}
            titles = " ".join(self.by_id[key].record["title"].lower() for key, label in row["labels"].items() if label == "exact")
            apart += not any(word in titles for word in words)
        self.assertGreater(apart, 0.6 * len(self.judgments))


class CommandTest(unittest.TestCase):
    def write(self, folder, *more):
        with contextlib.redirect_stdout(io.StringIO()):
            return store.main(["--out", str(folder), "--items", "600", *more])

    def test_files_are_complete_and_the_same_again(self):
        with tempfile.TemporaryDirectory() as folder:
            first, second = Path(folder, "a"), Path(folder, "b")
            self.assertEqual(self.write(first), 0)
            self.assertEqual(self.write(second), 0)
            names = ["NOTICE", "catalog.jsonl", "events.jsonl", "judgments.jsonl", "store.json"]
            self.assertEqual(sorted(path.name for path in first.iterdir()), names)
            for name in names:
                self.assertEqual((first / name).read_bytes(), (second / name).read_bytes(), name)
            about = json.loads((first / "store.json").read_text(encoding="utf-8"))
            self.assertEqual(about["items"], len((first / "catalog.jsonl").read_text(encoding="utf-8").splitlines()))
            self.assertEqual(about["generator"], store.generator_digest())

    def test_until_moves_the_events_and_leaves_the_catalog_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            first, second = Path(folder, "a"), Path(folder, "b")
            self.write(first)
            self.write(second, "--until", "2026-09-01T07:30:00Z")
            self.assertEqual((first / "catalog.jsonl").read_bytes(), (second / "catalog.jsonl").read_bytes())
            last = (second / "events.jsonl").read_text(encoding="utf-8").splitlines()[-1]
            self.assertEqual(json.loads(last)["time"], "2026-09-01T07:30:00Z")

    def test_bad_arguments_are_refused(self):
        for wrong in (["--items", "3"], ["--until", "yesterday"], ["--until", "2020-01-01T00:00:00Z"], ["--seed", "x"]):
            with self.subTest(wrong), contextlib.redirect_stderr(io.StringIO()) as said:
                with self.assertRaises(SystemExit) as stop:
                    store.main(["--out", "unused", *wrong])
                self.assertEqual(stop.exception.code, 2)
                self.assertIn(wrong[0], said.getvalue())


if __name__ == "__main__":
    unittest.main()
