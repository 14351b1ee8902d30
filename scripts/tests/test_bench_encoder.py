"""scripts/bench-encoder: its arithmetic, its tables, its arguments, and how it talks with Alike's program."""

import contextlib
import io
import json
import math
import stat
import sys
import tempfile
import types
import unittest
from pathlib import Path

import numpy as np

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

from bench_encoder import alike, figures, memory, quality, report, service, speed, texts  # noqa: E402
from bench_encoder.__main__ import busy_seconds, own_seconds, parse_arguments  # noqa: E402
from bench_encoder.bundle import Bundle, Unusable  # noqa: E402

INSTALLED = SCRIPTS.parent / ".alike/models/all-minilm-l6-v2"


class FiguresTest(unittest.TestCase):
    def test_a_percentile_is_one_of_the_values(self):
        self.assertEqual(figures.percentile([4, 1, 3, 2, 5], 0.5), 3)
        self.assertEqual(figures.percentile(range(101), 0.99), 99)

    def test_ratios_compare_medians_and_neighboring_rounds(self):
        found = figures.ratios([10, 30, 20], [5, 5, 10])
        self.assertEqual(found, {"ratio": 4, "lowest": 2, "highest": 6})

    def test_cosines_are_of_rows_whatever_their_length(self):
        found = figures.cosines(np.array([[3, 0], [1, 1]], np.float32), np.array([[1, 0], [0, 2]], np.float32))
        np.testing.assert_allclose(found, [1, math.sqrt(0.5)], rtol=1e-9)

    def test_the_query_itself_is_no_neighbor(self):
        rows = np.eye(4, dtype=np.float32)
        rows[1] = [0.9, 0.1, 0, 0]
        self.assertEqual(figures.nearest(rows[:1], rows, 2).tolist(), [[0, 1]])
        self.assertEqual(figures.nearest(rows[:1], rows, 2, np.array([0])).tolist(), [[1, 2]])

    def test_nearest_agrees_with_a_loop_beyond_one_block(self):
        rows = np.random.default_rng(1).normal(size=(600, 8)).astype(np.float32)
        own = np.arange(600)
        found = figures.nearest(rows, rows, 5, own)
        for query in (0, 255, 256, 599):
            scores = figures.unit(rows) @ figures.unit(rows)[query]
            wanted = [row for row in np.argsort(-scores) if row != query][:5]
            self.assertEqual(found[query].tolist(), wanted)

    def test_overlap_is_the_mean_share_that_both_have(self):
        self.assertEqual(figures.overlap(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [4, 9]])), 0.75)

    def test_ndcg_is_that_of_alike_eval(self):
        labels = {"a": "exact", "b": "substitute", "c": "irrelevant", "d": "exact"}
        ideal = 1 + 1 / math.log2(3) + 0.1 / math.log2(4)
        found = 0.1 + 1 / math.log2(4)
        self.assertAlmostEqual(figures.ndcg(["b", "x", "a", "c"], labels), found / ideal)
        self.assertAlmostEqual(figures.ndcg(["d", "a", "b"], labels), 1.0)
        self.assertIsNone(figures.ndcg(["c"], {"c": "irrelevant"}))


class Fixed:
    """A contender that takes the same time for every text, and vectors out of a function."""

    def __init__(self, name, speed, vector=None):
        self.name, self.speed, self.vector, self.turns = name, speed, vector, []
        self.bundle = types.SimpleNamespace(digest=lambda: "fixed", dimension=4)

    def bulk(self, texts):
        return {"texts_per_s": self.speed, "session_texts_per_s": 2 * self.speed, "tokens": 16 * len(texts)}

    def queries(self, texts):
        return {"calls_us": [1e6 / self.speed] * len(texts), "session_us": [5e5 / self.speed] * len(texts)}

    def vectors(self, texts):
        return np.array([self.vector(text) for text in texts], dtype=np.float32)


def entry(ours, theirs):
    """A measured workload of 10 texts."""
    contenders = [Fixed("fp32", theirs), Fixed("dynamic int8", 2 * theirs), Fixed("Alike int8", ours)]
    found = speed.measure_bulk(contenders, texts.Workload("short", "ten", ["x"] * 10), 3)
    found["ratios"] = speed.compare(found, ["Alike int8"], ["fp32", "dynamic int8"])
    found["limit"] = speed.share_of_limit(found, 1000, {"operations_per_s": 16000 * ours * 4})
    return found


class SpeedTest(unittest.TestCase):
    def test_everyone_has_every_round_and_the_first_place_in_turn(self):
        order = []
        contenders = [Fixed("a", 1), Fixed("b", 1)]
        found = speed.interleaved(contenders, 2, lambda contender: order.append(contender.name))
        self.assertEqual(order, ["a", "b", "b", "a", "a", "b"])
        self.assertEqual({name: len(rounds) for name, rounds in found.items()}, {"a": 2, "b": 2})

    def test_ratios_and_the_share_of_the_limit(self):
        found = entry(ours=300, theirs=100)
        self.assertEqual([one["whole"]["ratio"] for one in found["ratios"]], [3.0, 1.5])
        self.assertAlmostEqual(found["limit"]["Alike int8"]["whole"], 0.25)
        self.assertAlmostEqual(found["limit"]["Alike int8"]["session"], 0.5)

    def test_no_share_where_the_limit_is_unknown(self):
        self.assertEqual(speed.share_of_limit(entry(3, 1), 1000, {"operations_per_s": None}), {})

    def test_queries_are_compared_by_their_medians(self):
        contenders = [Fixed("fp32", 100), Fixed("Alike int8", 400)]
        found = speed.measure_queries(contenders, ["x"] * 5, 2)
        self.assertEqual(found["contenders"]["fp32"]["p50_us"], 1e4)
        [ratio] = speed.compare(found, ["Alike int8"], ["fp32"])
        self.assertEqual(ratio["whole"]["ratio"], 0.25)


MACHINE = {"cpu": "a CPU", "cores": 2, "cores_used_by_others": 0.01}


class ReportTest(unittest.TestCase):
    def page(self, ours):
        query = speed.measure_queries([Fixed("fp32", 100), Fixed("Alike int8", ours)], ["x"] * 5, 2)
        query["ratios"] = speed.compare(query, ["Alike int8"], ["fp32"])
        names = ["fp32", "dynamic int8", "Alike int8"]
        return report.page(
            {
                "machine": MACHINE,
                "speed": {
                    "model": "m@1",
                    "threads": 2,
                    "rounds": 3,
                    "contenders": names,
                    "opened": {},
                    "operations_per_token": 1000,
                    "limit": {"operations_per_s": 1e9, "instructions": "some", "threads": 2},
                    "bulk": [entry(ours, 100)],
                    "query": query,
                },
            }
        )

    def test_says_what_is_reached_and_what_is_not(self):
        good, bad = self.page(350), self.page(250)
        self.assertIn("3.50 (3.50–3.50) ✓ ≥ 3", good)
        self.assertIn("2.50 (2.50–2.50) ✗ ≥ 3", bad)
        self.assertIn("0.29 (0.29–0.29) ✓ ≤ 0.35", good)
        self.assertIn("0.40 (0.40–0.40) ✗ ≤ 0.35", bad)

    def test_quality_http_and_memory_have_pages(self):
        http = {key: 1.0 for key in ("bulk_texts_per_s", "callers_texts_per_s", "client_cores", "server_cores")}
        http |= {f"{load}_{share}_us": 1000.0 for load in ("full", "single") for share in ("p50", "p99")}
        half = {key: 1000.0 for key in ("p50_us", "p99_us", "late_p50_us", "late_p99_us")}
        http |= {"variant": "int8", "encoding": "float", "texts": "5 titles", "repeated_texts": 0, "half_load": half}
        http |= {"share_of_bulk": 0.8, "p99_by_single_call": 3.0}
        steps = [{"texts": 1000 * step, "resident_mib": 100.0 + step} for step in range(1, 5)]
        run = {"variant": "int8", "steps": steps} | memory.growth(steps)
        page = report.page(
            {
                "machine": MACHINE,
                "http": {"runs": [http]},
                "memory": {"runs": [run]},
            }
        )
        self.assertIn("0.80 ✗ ≥ 0.85", page)
        self.assertIn("3.00 ✓ ≤ 4", page)
        self.assertIn("+1000.0 MiB per million texts", page)


class QualityTest(unittest.TestCase):
    """On texts that are their own vectors: a contender that turns them a little, one that looks at its batch mates."""

    def setUp(self):
        chance = np.random.default_rng(2)
        self.rows = {f"text {number}": chance.normal(size=4) for number in range(60)}
        self.source = types.SimpleNamespace(titles=lambda count: list(self.rows)[:count], real=False, made="", seed=1)

    def measured(self, vector):
        reference = Fixed("fp32", 1, self.rows.__getitem__)
        with tempfile.TemporaryDirectory() as kept:
            report = quality.measure([Fixed("ours", 1, vector)], reference, self.source, Path(kept), 60, 20)
        return report["contenders"]["ours"]

    def test_the_same_vectors_are_perfect(self):
        found = self.measured(lambda text: 3 * self.rows[text])
        self.assertAlmostEqual(found["cosine_min"], 1, places=6)
        self.assertEqual(found["overlap"], 1)
        self.assertAlmostEqual(found["other_batch_mates_cosine_min"], 1, places=6)

    def test_vectors_that_change_with_every_call_are_found_out(self):
        chance = np.random.default_rng(3)
        found = self.measured(lambda text: self.rows[text] + chance.normal(size=4) / 2)
        self.assertLess(found["cosine_mean"], 0.99)
        self.assertLess(found["overlap"], 0.99)
        self.assertLess(found["other_batch_mates_cosine_mean"], 0.99)


class TextsTest(unittest.TestCase):
    def source(self, data):
        words = [first + second + third for first in "abcdefghij" for second in "klmnopqrst" for third in "uvwxyzabcd"]
        encode = lambda text: types.SimpleNamespace(attention_mask=[1] * (len(text.split()) + 2))  # noqa: E731
        self.tokenizer = types.SimpleNamespace(
            get_vocab=lambda: {word: 0 for word in words + ["##ab"]},
            encode=encode,
            encode_batch=lambda texts: [encode(text) for text in texts],
        )
        return texts.Source(data, self.tokenizer, 1)

    def test_made_up_texts_where_there_is_no_data(self):
        source = self.source(None)
        found = {workload.name: workload for workload in texts.workloads(source)}
        self.assertIn("made-up", found["mixed"].about)
        self.assertEqual({len(text.split()) for text in found["16 tokens"].texts}, {14})
        self.assertEqual([one.texts for one in found.values()], [one.texts for one in texts.workloads(source)])

    def test_short_texts_have_the_length_asked_for(self):
        source = self.source(None)
        found = source.short(self.tokenizer, 20, 8, 10)
        self.assertEqual({len(text.split()) + 2 for text in found} - {8, 9, 10}, set())
        self.assertEqual(len(found), 20)

    def test_too_many_texts_are_refused(self):
        with self.assertRaisesRegex(Unusable, "has 1 titles, 2 are needed"):
            self.source(None).drawn(["one"], 2, "titles")


class MemoryTest(unittest.TestCase):
    def measured(self, lines):
        with tempfile.TemporaryDirectory() as work:
            program = Path(work) / "memory"
            program.write_text(f"#!{sys.executable}\nimport sys\n{lines}")
            program.chmod(0o755)
            return memory.measure(program, types.SimpleNamespace(folder=work), "int8", 100_000)

    def test_condenses_the_steps_and_fits_a_line(self):
        line = 'print(f\'{{"texts":{n},"resident_mib":{100 + n / 1000}}}\')'
        found = self.measured(f"assert sys.argv[3:] == ['100000', 'int8']\nfor n in range(0, 100001, 1000):\n  {line}")
        self.assertEqual(len(found["steps"]), memory.STEPS + 1)
        self.assertEqual(found["steps"][-1]["texts"], 100_000)
        self.assertAlmostEqual(found["mib_per_million"], 1000)
        self.assertAlmostEqual(found["spread_mib"], 50)

    def test_a_failure_has_its_reason(self):
        with self.assertRaisesRegex(alike.Failed, "memory: no such model"):
            self.measured("sys.exit('no such model')")


class ArgumentsTest(unittest.TestCase):
    def refused(self, *words):
        error = io.StringIO()
        with contextlib.redirect_stderr(error), self.assertRaises(SystemExit):
            parse_arguments(words)
        return error.getvalue()

    def test_speed_is_measured_where_nothing_is_said(self):
        self.assertTrue(parse_arguments([]).speed)
        self.assertFalse(parse_arguments(["--quality"]).speed)

    def test_wrong_values_are_refused_by_name(self):
        self.assertIn("found 'openvino'", self.refused("--contenders", "openvino"))
        self.assertIn("found 0, expected at least 1", self.refused("--rounds", "0"))


class MachineTest(unittest.TestCase):
    def test_own_work_is_part_of_all_work(self):
        busy, own = busy_seconds(), own_seconds()
        while own_seconds() - own < 0.3:
            math.factorial(3000)
        self.assertGreater(busy_seconds() - busy, 0.2)


PROGRAM = """#!{python}
import json, sys
print(json.dumps({{"variant": "plain"}}), flush=True)
for line in sys.stdin:
    words = line.split()
    if words[0] == "fail":
        sys.exit("it broke")
    rows = open(words[1]).read().splitlines()
    print(json.dumps({{"said": words[0], "rows": len(rows)}}), flush=True)
"""


class ProcessTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.program = self.folder / "throughput"
        self.program.write_text(PROGRAM.format(python=sys.executable))
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def test_a_line_is_answered_with_a_line(self):
        process = alike.Process([self.program], 2)
        self.addCleanup(process.stop)
        self.assertEqual(process.opened, {"variant": "plain"})
        path = alike.texts_file(self.folder, ["a b", "c"])
        self.assertEqual(process.ask("bulk", path), {"said": "bulk", "rows": 2})
        ids = alike.texts_file(self.folder, ["a b", "c"], lambda text: [len(word) for word in text.split()])
        self.assertEqual(ids.read_text(), "1 1\n1\n")

    def test_a_program_that_ends_is_named_with_its_reason(self):
        process = alike.Process([self.program], 2)
        self.addCleanup(process.stop)
        with self.assertRaisesRegex(alike.Failed, "throughput: exit code 1: it broke"):
            process.ask("fail")

    def test_programs_are_taken_from_a_folder(self):
        self.assertEqual(alike.program("throughput", alike.THROUGHPUT, self.folder), self.program)
        with self.assertRaisesRegex(Unusable, "has no callers"):
            alike.program("callers", alike.CALLERS, self.folder)


class CallersTest(unittest.TestCase):
    def test_every_run_sends_texts_that_were_not_sent_before(self):
        with tempfile.TemporaryDirectory() as work:
            log = Path(work) / "commands"
            program = Path(work) / "callers"
            program.write_text(
                f"#!/bin/sh\necho \"$@\" >>{log}\n"
                'echo \'{"sent": 60, "distinct": 60, "elapsed_s": 2.0, "texts_per_s": 30.0}\'\n'
            )
            program.chmod(0o755)
            server = types.SimpleNamespace(work=Path(work), address="127.0.0.1:1", cpu_seconds=iter([0, 3, 3, 5]).__next__)
            callers = service.Callers(program, server, [str(n) for n in range(100)], "m", "float")
            self.assertEqual(callers.run(4, 2)["server_cores"], 1.5)
            self.assertEqual(callers.repeated, 0)
            callers.run(4, 2, rate=10)
            self.assertEqual(callers.repeated, 20)
            first, second = log.read_text().splitlines()
            self.assertTrue(first.endswith("--skip 0"), first)
            self.assertTrue(second.endswith("--skip 60 --rate 10"), second)


class BundleTest(unittest.TestCase):
    def test_operations_of_the_installed_model(self):
        # Per layer four matrices of 384 × 384 and two of 384 × 1536.
        per_layer = 2 * (4 * 384 * 384 + 2 * 384 * 1536)
        self.assertEqual(Bundle(INSTALLED).operations_per_token(), 6 * per_layer)

    def test_a_folder_without_a_model_is_refused_by_name(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(Unusable, "model.toml.*--model"):
            Bundle(folder)


if __name__ == "__main__":
    unittest.main()
