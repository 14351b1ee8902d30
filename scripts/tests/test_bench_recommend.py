"""scripts/bench-recommend: its table, its arguments, and how it calls Alike."""

import contextlib
import io
import stat
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

from bench_recommend import alike, table  # noqa: E402
from bench_recommend.__main__ import parse_arguments  # noqa: E402


def entry(recall, ndcg):
    return {"recall@20": recall, "ndcg@20": ndcg}


class TableTest(unittest.TestCase):
    MODELS = {"knn": {"a": entry(0.1, 0.3)}, "ease": {"a": entry(0.2, 0.1)}}

    def test_ratios_are_to_the_best_of_each_measure(self):
        self.assertEqual(table.best(self.MODELS, "a"), entry(0.2, 0.3))
        lines = table.table(self.MODELS, {"Alike": {"a": entry(0.3, 0.33)}}, ["a"])
        self.assertEqual(lines[-1].split(), "ratio to the best 1.500 1.100".split())
        self.assertEqual(lines[2].split(), ["knn", "0.1000", "0.3000"])

    def test_what_was_not_measured_is_a_dash(self):
        lines = table.table(self.MODELS, {"Alike": {}}, ["a"])
        self.assertEqual(lines[-2].split(), ["Alike", "–"])


class ArgumentsTest(unittest.TestCase):
    def test_columns_have_usual_names(self):
        args = parse_arguments(["e.csv", "--split-at", "2011-09-01", "--user", "CustomerID"])
        self.assertEqual((args.user, args.item, args.test_days), ("CustomerID", "item", 30))

    def test_an_unknown_model_is_named_with_those_that_exist(self):
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit):
            parse_arguments(["e.csv", "--split-at", "2011-09-01", "--models", "svd"])
        self.assertIn("found 'svd', expected some of pop, knn", errors.getvalue())


class AlikeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.program = Path(folder.name) / "alike"
        self.args = parse_arguments(["e.csv", "--split-at", "2011-09-01", "--only", "item=[0-9]*"])
        self.args.until = 1317427200.0

    def write(self, script):
        self.program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def test_the_last_line_counts(self):
        self.write("""echo reading; echo '{"recall@20": 0.5}'""")
        self.assertEqual(alike.measure(self.program, self.args, ["--strategy", "for_you"]), {"recall@20": 0.5})

    def test_both_sides_use_the_same_rows_and_times(self):
        words = alike.command("alike", self.args, alike.TASKS["bought_together"])
        for pair in ("--only item=[0-9]*", "--until 1317427200", "--split-at 2011-09-01", "--every-line --anonymous"):
            self.assertIn(pair, " ".join(words))

    def test_a_refusal_is_passed_on(self):
        self.write("echo no such column >&2; exit 1")
        with self.assertRaisesRegex(alike.Failed, "exit code 1: no such column"):
            alike.measure(self.program, self.args, [])
        with self.assertRaisesRegex(alike.Failed, "could not be run"):
            alike.measure("/nowhere/alike", self.args, [])


if __name__ == "__main__":
    unittest.main()
