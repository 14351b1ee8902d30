"""The checker of quickstart's answers: accepts what is right, names what is wrong."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import check_answers  # noqa: E402  (the scripts folder has to be on the path first)


def item(item_id, category, price=20.0, in_stock=True):
    return {"id": item_id, "title": "Title of " + item_id, "category": category, "price": price, "in_stock": in_stock}


CATALOG = [
    item("K1", ["Kitchen", "Drinkware", "Insulated Bottles"]),
    item("K2", ["Kitchen", "Coffee & Tea", "Kettles"]),
    item("K3", ["Kitchen", "Coffee & Tea", "Kettles"], price=60.0),
    item("K4", ["Kitchen", "Coffee & Tea", "Kettles"], in_stock=False),
    item("O1", ["Outdoor", "Camping", "Tents"]),
    item("O2", ["Outdoor", "Camping", "Tents"]),
] + [item("F%d" % n, ["Home", "Cooling", "Fans"]) for n in range(10)]
SEARCH = ("search", "--category", "Insulated Bottles", "--department", "Kitchen", "--below", "40")


def answer(*ids):
    return {
        "hits": [
            {"id": one, "score": 1.0 - place / 100, "fields": {"title": "Title of " + one}} for place, one in enumerate(ids)
        ]
    }


class CheckAnswersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.write("catalog", "".join(json.dumps(one) + "\n" for one in CATALOG))
        self.write("judgments", "{}\n{}\n")

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def check(self, found, what, *options):
        """The exit status and what was said."""
        self.write("answer", found if isinstance(found, str) else json.dumps(found))
        paths = ["--answer", str(self.folder / "answer"), "--catalog", str(self.folder / "catalog")]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = check_answers.main([what, *paths, *options])
        return status, said.getvalue()

    def refuses(self, expected, found, *arguments):
        status, said = self.check(found, *arguments)
        self.assertEqual(status, 1, said)
        self.assertIn(expected, said)

    def test_search(self):
        status, said = self.check(answer("K1", "K2"), *SEARCH)
        self.assertEqual((status, said), (0, "OK search: 2 hits, the first is Title of K1\n"))
        self.refuses("a first hit in Insulated Bottles", answer("K2", "K1"), *SEARCH)
        self.refuses("prices below 40", answer("K1", "K3"), *SEARCH)
        self.refuses("items in stock", answer("K1", "K4"), *SEARCH)
        self.refuses("only hits in Kitchen", answer("K1", "O1"), *SEARCH)
        self.refuses("an item of the catalog", answer("K1", "X9"), *SEARCH)

    def test_search_order_and_fields(self):
        wrong = answer("K1", "K2")
        wrong["hits"][1]["score"] = 2.0
        self.refuses("ordered by score", wrong, *SEARCH)
        wrong = answer("K1", "K2")
        del wrong["hits"][1]["fields"]
        self.refuses("Title of K2", wrong, *SEARCH)

    def test_not_an_answer(self):
        for found in ("", "<html>", "[]", '{"hits": []}', '{"type": "about:blank", "status": 400}'):
            self.refuses("expected", found, *SEARCH)

    def test_recommend(self):
        self.assertEqual(self.check(answer("O2"), "recommend", "--like", "O1")[0], 0)
        self.refuses("other than O1", answer("O2", "O1"), "recommend", "--like", "O1")
        self.refuses("only items of Outdoor", answer("O2", "K1"), "recommend", "--like", "O1")

    def test_home(self):
        events = [("view", "K1"), ("purchase", "K2"), ("view", "O1")]
        rows = [{"user": "u1", "type": kind, "item": one} for kind, one in events]
        rows.append({"user": "u2", "type": "purchase", "item": "K3"})
        self.write("events", "".join(json.dumps(row) + "\n" for row in rows))
        home = ("home", "--shopper", "u1", "--events", str(self.folder / "events"))

        def page(*ids):
            found = answer(*ids)
            for hit in found["hits"]:
                hit["strategy"] = "for_you"
            return dict(found, recommendation_id="r1")

        self.assertEqual(self.check(page("K3", "O2", "F1"), *home)[0], 0)
        self.refuses("nothing that u1 has bought", page("K3", "K2"), *home)
        self.refuses("only items in stock", page("K4"), *home)
        self.refuses("most items from Kitchen, Outdoor", page("F1", "F2", "K3"), *home)
        self.refuses("the strategy of every hit", answer("K3"), *home)
        self.refuses("a recommendation_id", {"hits": page("K3")["hits"]}, *home)

    def test_trending(self):
        self.assertEqual(self.check(answer("F1", "F2", "F3", "F4", "F5", "F6", "K1"), "trending")[0], 0)
        self.refuses("at least 6 items", answer("F1", "F2", "F3", "F4", "F5", "K1", "K2"), "trending")

    def test_eval(self):
        options = ("eval", "--judgments", str(self.folder / "judgments"), "--ndcg-at-least", "0.5")
        self.assertEqual(self.check({"queries": 2, "ndcg@10": 0.5}, *options)[0], 0)
        self.refuses("ndcg@10 of at least 0.5", {"queries": 2, "ndcg@10": 0.49}, *options)
        self.refuses("2 queries", {"queries": 1, "ndcg@10": 0.9}, *options)


if __name__ == "__main__":
    unittest.main()
