"""scripts/bench-peers: its arithmetic, its table and plot, and whole runs with the one peer that needs no download."""

import contextlib
import gzip
import io
import json
import math
import stat
import struct
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

from bench_peers import alike, figures, install, make_vectors, peers, plot, sweep, table, vectors  # noqa: E402
from bench_peers.__main__ import main, parse_arguments  # noqa: E402
from bench_peers.figures import Point  # noqa: E402
from bench_peers.process import Failed, Worker  # noqa: E402
from bench_peers.results import Results  # noqa: E402


def point(recall, *passes, **setting):
    return Point(setting, recall, list(passes))


def recalls(points):
    return [point.recall for point in points]


class FiguresTest(unittest.TestCase):
    def setUp(self):
        self.points = [point(0.99, 50), point(0.8, 300, 400), point(0.95, 90), point(0.97, 100), point(0.9, 350, 10)]

    def test_speed_is_that_of_the_best_pass(self):
        self.assertEqual(self.points[1].qps, 400)

    def test_recall_counts_ids_whatever_their_order(self):
        truth = np.array([[1, 2], [3, 4]])
        self.assertEqual(figures.recall([[2, 1], [9, 3]], truth), 0.75)
        self.assertEqual(figures.recall([[1, 1], []], truth), 0.25)

    def test_best_at_recall_takes_measured_points_only(self):
        self.assertEqual(figures.best_at(self.points, 0.95).qps, 100)
        self.assertEqual(figures.best_at(self.points, 0.9).qps, 350)
        self.assertEqual(figures.best_at(self.points, 0.99).recall, 0.99)
        self.assertIsNone(figures.best_at(self.points, 0.991))

    def test_the_front_leaves_out_what_another_point_beats(self):
        self.assertEqual(recalls(figures.pareto(self.points)), [0.8, 0.9, 0.97, 0.99])
        self.assertEqual(figures.pareto([]), [])
        self.assertEqual(len(figures.pareto([point(0.9, 10), point(0.9, 10)])), 1)

    def test_contenders_are_the_front_and_what_is_near_it(self):
        self.assertEqual(recalls(figures.contenders(self.points, 0.85)), [0.8, 0.9, 0.95, 0.97, 0.99])
        self.assertEqual(recalls(figures.contenders(self.points, 0.95)), [0.8, 0.9, 0.97, 0.99])

    def test_overhead_is_taken_off_each_query(self):
        self.assertAlmostEqual(figures.without_overhead(1000, 500), 2000)
        self.assertAlmostEqual(figures.without_overhead(1000, 0), 1000)
        self.assertAlmostEqual(figures.without_overhead(1000, 5000), 10_000, msg="more overhead than time: bounded")

    def test_settings_as_text(self):
        self.assertEqual(figures.label({"ef": 64, "ratio": 1.5, "visited": True}), "ef=64 ratio=1.5 visited=True")


class SweepTest(unittest.TestCase):
    def run_sweep(self, family, recall, seconds=lambda value: 0.0):
        measured = []

        def measure(setting):
            measured.append(setting)
            value = setting[family.axis]
            return point(recall(value), 1e5 / value, **setting), seconds(value)

        return sweep.sweep(family, measure), measured

    def test_the_grid_is_fine_and_complete(self):
        values = sweep.grid(10, 500)
        self.assertEqual((values[0], values[-1]), (10, 500))
        self.assertEqual(values, sorted(set(values)))
        steps = zip(values[:-1], values[1:], strict=True)
        self.assertTrue(all(after <= max(before + 1, before * 1.3) for before, after in steps))
        self.assertEqual(sweep.grid(7, 7), [7])

    def test_bisection_finds_the_smallest_beam_for_each_target(self):
        points, measured = self.run_sweep(sweep.Family("ef", 10, 5000, {"m": 2}), lambda value: 1 - 3 / value)
        for target in sweep.TARGETS:
            smallest = math.ceil(3 / (1 - target) - 1e-9)
            found = figures.best_at(points, target).setting["ef"]
            self.assertGreaterEqual(found, smallest)
            self.assertLessEqual(found, max(smallest + 1, smallest * 1.03), target)
        self.assertEqual(len(measured), len({setting["ef"] for setting in measured}), "nothing is measured twice")
        self.assertTrue(all(setting["m"] == 2 for setting in measured))

    def test_ends_where_recall_is_enough_or_a_pass_takes_too_long(self):
        points, _ = self.run_sweep(sweep.Family("ef", 10, 10**6), lambda value: min(1.0, value / 100))
        self.assertLess(points[-1].setting["ef"], 200)
        points, _ = self.run_sweep(sweep.Family("ef", 10, 10**6), lambda value: 0.5, lambda value: value / 10)
        self.assertLess(points[-1].setting["ef"], 200)

    def test_ends_on_a_plateau(self):
        points, _ = self.run_sweep(sweep.Family("ef", 10, 10**6), lambda value: min(0.93, value / 100))
        self.assertLess(points[-1].setting["ef"], 400)
        self.assertEqual(figures.best_at(points, 0.9).setting["ef"], 90)

    def test_screening_keeps_the_families_that_may_win_somewhere(self):
        low, high, none = (sweep.Family("ef", 10, 1000, {"name": name}) for name in ("low", "high", "none"))

        def measure(setting):
            value, name = setting["ef"], setting["name"]
            most = {"low": 0.9, "high": 1.0, "none": 0.89}[name]
            speed = {"low": 3e5, "high": 1e5, "none": 1e5}[name]
            return point(most * (1 - 3 / value), speed / value, **setting), 0.0

        self.assertEqual(sweep.screen([low, high, none], measure), [low, high])


class VectorsTest(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(5)
        self.base = rng.standard_normal((9000, 12)).astype(np.float32)
        self.queries = rng.standard_normal((7, 12)).astype(np.float32)

    def naive(self, metric, query, k):
        rows = self.base.astype(np.float64)
        score = -((rows - query) ** 2).sum(axis=1) if metric == "l2" else rows @ query.astype(np.float64)
        return np.argsort(-score, kind="stable")[:k].tolist()

    def test_true_neighbors_over_several_blocks(self):
        self.assertGreater(len(self.base), 2 * vectors.BLOCK)
        for metric in ("dot", "l2"):
            found = vectors.true_neighbors(self.base, self.queries, metric, 10)
            for query, row in zip(self.queries, found, strict=True):
                self.assertEqual(row.tolist(), self.naive(metric, query, 10), metric)

    def test_equal_rows_come_in_order(self):
        self.base[[8999, 5000, 17]] = self.queries[0] * 100
        self.assertEqual(vectors.true_neighbors(self.base, self.queries[:1], "dot", 2).tolist(), [[17, 5000]])

    def test_normalized(self):
        self.base[3] = 0
        lengths = np.linalg.norm(vectors.normalized(self.base), axis=1)
        self.assertEqual(lengths[3], 0)
        self.assertTrue(np.allclose(np.delete(lengths, 3), 1, atol=1e-5))

    def test_the_digest_names_the_problem(self):
        digest = vectors.digest(self.base, self.queries, "l2", 10)
        self.assertEqual(digest, vectors.digest(self.base.copy(), self.queries, "l2", 10))
        self.assertNotEqual(digest, vectors.digest(self.base, self.queries, "dot", 10))
        self.base[8999, 11] += 1
        self.assertNotEqual(digest, vectors.digest(self.base, self.queries, "l2", 10))

    def test_unusable_files_are_named(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.npy"
            with self.assertRaisesRegex(vectors.Unusable, "could not read"):
                vectors.load(path)
            for rows, text in (
                (np.zeros((2, 3)), "found float64 of shape"),
                (np.zeros((0, 3), np.float32), "found float32 of shape"),
                (np.full((2, 3), np.nan, np.float32), "not finite"),
            ):
                np.save(path, rows)
                with self.assertRaisesRegex(vectors.Unusable, f"a.npy: .*{text}"):
                    vectors.load(path)

    def test_made_up_vectors_are_the_same_for_a_seed_and_clustered(self):
        base, queries = vectors.clustered(500, 50, 16, seed=1)
        again, _ = vectors.clustered(500, 50, 16, seed=1)
        self.assertTrue(np.array_equal(base, again))
        self.assertEqual((base.shape, queries.shape, base.dtype), ((500, 16), (50, 16), np.float32))
        distances = np.linalg.norm(base[:100, None] - base[None, :100], axis=2)[np.triu_indices(100, 1)]
        self.assertLess(np.percentile(distances, 1), 0.6 * np.median(distances))


def alike_row(kind, setting, recall, qps, **more):
    return {"kind": kind, "setting": setting, "recall": recall, "qps": qps, "build_s": 2.0, "bytes": 4000} | more


class AlikeTest(unittest.TestCase):
    def test_other_lines_fields_and_filtered_searches_are_left_out(self):
        rows = [
            alike_row("graph", "beam=10", 0.9, 100.0, hops=12),
            alike_row("graph", "beam=10", 0.9, 50.0, filter_selectivity=0.01),
            alike_row("graph", "beam=20", 0.9, 60.0, filter_selectivity=None),
            {"kind": "graph", "phase": "open"},
        ]
        found = alike.parse("\n".join(["building…", *map(json.dumps, rows), "[1]"]))
        self.assertEqual([row["qps"] for row in found], [100.0, 60.0])

    def test_runs_are_averaged_and_drift_is_last_by_first(self):
        runs = [[alike_row("graph", "beam=10", 0.9, 100.0)], [alike_row("graph", "beam=10", 0.9, 400.0, build_s=4.0)]]
        merged = alike.merged(runs)["graph"]
        self.assertAlmostEqual(merged["points"][0].qps, 200)
        self.assertEqual(merged["build_s"], 3.0)
        self.assertAlmostEqual(alike.drift(runs), 4.0)
        self.assertIsNone(alike.drift(runs[:1]))

    def test_only_flags_that_this_version_knows_are_given(self):
        args = parse_arguments(["--sample", "100", "--metric", "l2", "--passes", "4"])
        files = {"base": "b", "queries": "q", "truth": "t"}
        line = alike.command("alike", "--repeat <REPEAT>\n --threads <N>", files, args, [10, 11])
        self.assertEqual(line[-4:], ["--threads", "1", "--repeat", "4"])
        self.assertNotIn("--beams", line)
        self.assertIn("10,11", alike.command("alike", "--beams <BEAMS>", files, args, [10, 11]))

    def test_a_program_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(alike.Failed, "/nowhere/alike: could not be run"):
            alike.flags_of("/nowhere/alike")


def content():
    measured = [point(0.91, 2000.0, ef=10), point(0.96, 1000.0, 900.0, ef=20)]
    return {
        "machine": {"cpu": "some CPU", "cores": 2, "architecture": "x86_64"},
        "problem": {
            "name": "base.npy", "rows": 100, "dimension": 8, "queries": 10, "metric": "l2", "k": 10,
            "targets": [0.9, 0.95, 0.99], "passes": 3, "threads_build": 2,
        },
        "runs": [
            {
                "alike": [[alike_row("graph", "beam=10", 0.955, 4000.0), alike_row("hnsw", "beam=10", 0.99, 700.0)]],
                "alike_failed": None,
            }
        ],
        "peers": [
            {
                "library": "some|peer", "version": "1.2", "variant": "M16", "reason": None, "run": 0, "build_s": 8.0,
                "bytes": 10_000, "call_us": 500.0, "cpu_share": 1.0, "points": [found.as_json() for found in measured],
            },
            {"library": "other", "version": None, "variant": None, "reason": "no wheel", "run": 0, "points": []},
        ],
    }  # fmt: skip


class TableTest(unittest.TestCase):
    def line(self, text, start):
        return next(line for line in text.splitlines() if line.startswith(start))

    def test_a_peer_is_compared_with_the_graph_of_its_run(self):
        line = self.line(table.full(content()), "| some\\|peer 1.2 | M16")
        self.assertIn("| 2,000 @0.910 | 1,000 @0.960 | never (0.960) |", line)
        self.assertIn("| 2.00 / 4.00 / – |", line, "as measured")
        self.assertIn("| 0.20 / 2.00 / – |", line, "500 us a call taken off; at 2,000 QPS that is all there is")
        self.assertIn("| 500.0 | 8.0 | 4.00 | 100 | 1.00 |", line)

    def test_failures_are_in_the_table_with_their_reason(self):
        self.assertIn("not measured: no wheel", self.line(table.full(content()), "| other | – |"))
        for name in peers.ABSENT:
            self.assertIn(name, table.page(content()))

    def test_every_line_has_as_many_cells_as_the_head(self):
        lines = table.full(content()).replace("\\|", "").splitlines()
        self.assertEqual({line.count("|") for line in lines}, {lines[0].count("|")})

    def test_the_best_of_each_library(self):
        text = table.brief(content())
        self.assertIn("1,000 @0.960 (M16; ef=20)", self.line(text, "| some\\|peer"))
        self.assertIn("4,000 @0.955 (graph; setting=beam=10) | 700 @0.990 (hnsw", self.line(text, "| Alike"))

    def test_works_without_alike_and_without_anything(self):
        without = content()
        without["runs"] = [{"alike": [], "alike_failed": "no such program"}]
        self.assertIn("– / – / –", self.line(table.full(without), "| some\\|peer"))
        self.assertIn("Alike was not measured: no such program", table.page(without))
        without["peers"] = []
        self.assertTrue(table.page(without))

    def test_the_plot_has_ours_first_and_fronts_only(self):
        curves = table.curves(content())
        self.assertEqual([name for name, _ in curves], ["Alike graph", "Alike hnsw", "some|peer"])
        self.assertEqual(curves[2][1], [(0.91, 2000.0), (0.96, 1000.0)])


class PlotTest(unittest.TestCase):
    CURVES = [("ours <&>", [(0.85, 9000.0), (0.99, 2000.0)]), ("theirs", [(0.7, 5000.0), (0.9, 1000.0), (1.0, 30.0)])]

    def test_is_well_formed_and_says_everything(self):
        root = xml.fromstring(plot.svg('a "title" <&>', self.CURVES))
        texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
        self.assertLessEqual({'a "title" <&>', "ours <&>", "theirs", "0.95", "1,000"}, texts)

    def test_every_point_lies_inside_the_axes(self):
        root = xml.fromstring(plot.svg("t", self.CURVES))
        places = [
            (float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter("{http://www.w3.org/2000/svg}circle")
        ]
        self.assertEqual(len(places), 4, "the one under 0.8 is left out")
        for x, y in places:
            self.assertTrue(plot.LEFT <= x <= plot.WIDTH - plot.RIGHT and plot.TOP <= y <= plot.HEIGHT - plot.BOTTOM)

    def test_speed_is_logarithmic_and_recall_grows_to_the_right(self):
        rows = [plot.y_of(speed, 10, 1000) for speed in (10, 100, 1000)]
        self.assertAlmostEqual(rows[0] - rows[1], rows[1] - rows[2])
        columns = [plot.x_of(recall, 0.8) for recall in (0.8, 0.9, 0.95, 0.99, 1.0)]
        self.assertEqual(columns, sorted(columns))
        self.assertAlmostEqual(columns[0], plot.LEFT)
        self.assertAlmostEqual(columns[-1], plot.WIDTH - plot.RIGHT)

    def test_one_point_alone_and_many_libraries(self):
        xml.fromstring(plot.svg("t", [("one", [(1.0, 100.0)])]))
        xml.fromstring(plot.svg("t", [(f"peer {number}", [(0.9, 10.0 + number)]) for number in range(40)]))
        xml.fromstring(plot.svg("t", []))


class PeersTest(unittest.TestCase):
    def test_every_peer_is_pinned_and_has_variants(self):
        pinned = install.pins(install.REQUIREMENTS.read_text())
        for name, (_, package, _) in peers.LIBRARIES.items():
            self.assertIn(package, pinned)
            for metric in vectors.METRICS:
                self.assertTrue(peers.variants(name, 200_000, 384, metric), name)

    def test_pips_error_is_found_in_its_output(self):
        text = "Collecting x\nERROR: No matching distribution found for x==9\n\n[notice] a new pip\n"
        self.assertEqual(install.last_error(text), "ERROR: No matching distribution found for x==9")

    def test_a_dead_worker_gives_a_reason(self):
        with tempfile.TemporaryDirectory() as folder:
            spec = {"library": "numpy", "base": f"{folder}/missing.npy"}
            worker = Worker(spec, Path(folder) / "log", limit=60)
            with self.assertRaisesRegex(Failed, "exit code 1: FileNotFoundError.*missing.npy"):
                worker.answer()
            worker.stop()

    def test_a_worker_that_takes_too_long_is_ended(self):
        with tempfile.TemporaryDirectory() as folder:
            worker = Worker({"library": "numpy", "base": f"{folder}/missing.npy"}, Path(folder) / "log", limit=0)
            with self.assertRaisesRegex(Failed, "no answer within 0 s"):
                worker.answer()
            self.assertIsNotNone(worker.process.poll())
            worker.stop()


class ResultsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "results.json"

    def entry(self, library, variant, **more):
        return {"library": library, "variant": variant, "points": []} | more

    def test_a_later_run_replaces_what_it_measured_again(self):
        first = Results(self.path, {"digest": "a"}, append=False)
        for entry in (self.entry("x", "one"), self.entry("x", "two"), self.entry("y", None, reason="no wheel")):
            first.add(entry)
        second = Results(self.path, {"digest": "a"}, append=True)
        second.add(self.entry("x", "two", new=True))
        second.add(self.entry("y", "one"))
        found = {(entry["library"], entry["variant"]): entry for entry in json.loads(self.path.read_text())["peers"]}
        self.assertEqual(set(found), {("x", "one"), ("x", "two"), ("y", "one")})
        self.assertEqual([found["x", "one"]["run"], found["x", "two"]["run"]], [0, 1])
        self.assertTrue(found["x", "two"]["new"])

    def test_other_vectors_are_refused(self):
        Results(self.path, {"digest": "a"}, append=False).write()
        with self.assertRaisesRegex(SystemExit, "other vectors"):
            Results(self.path, {"digest": "b"}, append=True)


FAKE_ALIKE = """#!/bin/sh
case "$*" in
*--help*) echo '--beams <BEAMS> --repeat <REPEAT> ' ;;
*) echo '{"kind":"graph","setting":"beam=10","recall":0.97,"qps":123456.0,"build_s":1.5,"bytes":50000}' ;;
esac
"""


class WholeRunTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.alike = self.folder / "alike"
        self.alike.write_text(FAKE_ALIKE)
        self.alike.chmod(self.alike.stat().st_mode | stat.S_IXUSR)

    def bench(self, *arguments):
        command = ["--out", str(self.folder / "out"), "--alike", str(self.alike), "--peers", "numpy", *arguments]
        with contextlib.redirect_stdout(io.StringIO()) as output:
            main(command)
        return output.getvalue(), json.loads((self.folder / "out/results.json").read_text())

    @staticmethod
    def installed_as_pinned():
        """The tests' environment has NumPy, perhaps of another version than the peers'; nothing may be downloaded."""
        return unittest.mock.patch.object(install, "install", lambda library, pinned, log: None)

    def test_a_sample_is_measured_and_reported(self):
        for metric in vectors.METRICS:
            with self.subTest(metric), self.installed_as_pinned():
                output, results = self.bench("--sample", "300", "--dimension", "8", "--metric", metric)
                (entry,) = results["peers"]
                (found,) = entry["points"]
                self.assertEqual((entry["library"], len(found["passes"])), ("numpy", 3))
                self.assertGreater(found["recall"], 0.999)
                self.assertEqual(entry["bytes"], 300 * 8 * 4)
                self.assertEqual(len(results["runs"][0]["alike"]), 2, "before and after")
                self.assertIn("| Alike | graph | 123,456 @0.970", output)
                xml.parse(self.folder / "out/plot.svg")

    def test_files_are_measured_and_added_to(self):
        base, queries = vectors.clustered(300, 50, 8, seed=2)
        np.save(self.folder / "b.npy", base)
        np.save(self.folder / "q.npy", queries)
        files = "--vectors", str(self.folder / "b.npy"), "--queries", str(self.folder / "q.npy"), "--metric", "l2"
        with self.installed_as_pinned():
            self.bench(*files)
            _, results = self.bench(*files, "--append")
        self.assertEqual([len(results["runs"]), len(results["peers"]), results["peers"][0]["run"]], [2, 1, 1])

    def test_what_cannot_be_had_is_reported_and_the_rest_goes_on(self):
        self.alike.unlink()
        with unittest.mock.patch.object(install, "install", lambda library, pinned, log: "no wheel for this machine"):
            output, results = self.bench("--sample", "300", "--dimension", "8")
        self.assertEqual(results["peers"][0]["reason"], "no wheel for this machine")
        self.assertIn("not measured: no wheel for this machine", output)
        self.assertIn("Alike was not measured:", output)

    def test_unusable_input_is_named(self):
        np.save(self.folder / "b.npy", np.zeros((20, 3), np.float32))
        np.save(self.folder / "q.npy", np.zeros((20, 4), np.float32))
        with self.assertRaisesRegex(SystemExit, "q.npy: found dimension 4, expected 3"):
            self.bench("--vectors", str(self.folder / "b.npy"), "--queries", str(self.folder / "q.npy"))
        with contextlib.redirect_stderr(io.StringIO()) as errors, self.assertRaises(SystemExit):
            parse_arguments(["--sample", "200", "--peers", "numpy,nosuch"])
        self.assertIn("found nosuch, expected some of hnswlib", errors.getvalue())


class MakeVectorsTest(unittest.TestCase):
    def test_base_patches_share_no_pixel_with_the_queries_tiles(self):
        rng = np.random.default_rng(3)
        pixels = rng.random((300, 400), np.float32)
        mask = make_vectors.held_out_mask(pixels.shape, rng)
        for scale in (1, 2):
            held = make_vectors.shrink(mask.astype(np.float32), scale)
            base, queries = make_vectors.corners(make_vectors.shrink(pixels, scale), held)
            self.assertTrue(len(base) and len(queries))
            self.assertEqual(make_vectors.windows(held, base).max(), 0)
            self.assertEqual(make_vectors.windows(held, queries).min(), 1)

    def test_flat_windows_are_left_out(self):
        base, queries = make_vectors.corners(np.full((60, 60), 0.3, np.float32), np.zeros((60, 60)))
        self.assertEqual((len(base), len(queries)), (0, 0))

    def test_patches_are_cut_where_they_should_be(self):
        pictures = [np.arange(40 * 50, dtype=np.float32).reshape(40, 50), np.ones((30, 30), np.float32)]
        rows = make_vectors.cut(pictures, np.array([[1, 0, 0], [0, 3, 5]]))
        self.assertEqual(rows[0].tolist(), [1.0] * 784)
        self.assertEqual(rows[1].reshape(28, 28)[27, 27], (3 + 27) * 50 + 5 + 27)

    def test_a_flat_index_file_is_read(self):
        """Byte by byte as indexes/FORMAT.md has it: header, two sections, rows padded to 16 values."""
        rows = np.arange(6, dtype="<f4").reshape(2, 3)
        stored = np.zeros((2, 16), "<f4")
        stored[:, :3] = rows
        header = b"\x8bALIKE\r\n" + struct.pack("<III", 1, 1, 2) + bytes(64 - 20)
        entries = b"".join(
            struct.pack("<IIQQ24x", tag, 0, offset, size) for tag, offset, size in ((1, 192, 12), (2, 256, 128))
        )
        content = (header + entries).ljust(192, b"\0") + struct.pack("<III", 1, 3, 2)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index.alike"
            path.write_bytes(content.ljust(256, b"\0") + stored.tobytes())
            self.assertEqual(make_vectors.read_flat(path).tolist(), rows.tolist())
            path.write_bytes(b"something else")
            with self.assertRaisesRegex(SystemExit, "expected an index file's magic"):
                make_vectors.read_flat(path)

    def test_queries_are_in_no_part_of_the_base(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "titles.tsv.gz"
            lines = [
                "id\ttitle",
                *(f"{number}\tq{number}a  q{number}b q{number}c q{number}d" for number in range(40)),
                "x\t ",
            ]
            with gzip.open(path, "wt", encoding="utf-8") as file:
                file.write("\n".join(lines))
            base, queries = make_vectors.title_texts(path, 60, 10, seed=1)
        self.assertEqual((len(base), len(set(base)), len(queries)), (60, 60, 10))
        of_queries = {word for text in queries for word in text.split()}
        self.assertFalse(of_queries & {word for text in base for word in text.split()})

    def test_recombined_titles_are_new(self):
        titles = [f"a{number} b{number} c{number} d{number}" for number in range(30)]
        made = make_vectors.recombined(titles, 50, set(titles), np.random.default_rng(1))
        self.assertEqual(len(set(made)), 50)
        self.assertFalse(set(made) & set(titles))


if __name__ == "__main__":
    unittest.main()
