#!/usr/bin/python3
"""The benchmark's arithmetic and its report: ratios within a round, goals in both directions, plots that can be read."""

import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path
from types import SimpleNamespace

from harness import document, goals, measure, plot, report, statements
from harness.measure import Failure, Sample, TooSlow, run
from harness.results import Results, Step, chosen, total
from harness.results import measure as measure_steps

measure.RUN_ALONE = sys.argv.pop(1)
TOOL = Path(__file__).resolve().parents[2] / "tools" / "bench"


def sample(seconds, **what):
    return Sample(seconds, what.pop("cpu", seconds), what.pop("rss", 50_000_000), **what)


def results(*rounds, size=300_000_000):
    return Results(size, 1000, list(rounds))


class Ratios(unittest.TestCase):
    def test_are_taken_within_a_round(self):
        found = results({"a": sample(2), "b": sample(1)}, {"a": sample(30), "b": sample(10)}, {"a": sample(8), "b": sample(2)})
        self.assertEqual(found.ratio("a", total("b")), 3)       # of 2, 3 and 4; of the medians it would be 4
        self.assertEqual(found.spread("a"), (2, 30))

    def test_a_step_measured_once_is_compared_with_its_round(self):
        found = results({"a": sample(2), "peer": sample(8)}, {"a": sample(100)})
        self.assertEqual(found.against("a", "peer"), 0.25)

    def test_of_what_was_not_measured(self):
        found = results({"a": sample(2)})
        self.assertIsNone(found.ratio("a", total("b")))
        self.assertFalse(found.has("a", "b"))

    def test_cpu_counts_server_and_parts(self):
        found = results({"a": sample(2, cpu=1, server_cpu_seconds=5), "b": sample(1, cpu=2), "c": sample(1, cpu=1)})
        self.assertEqual(found.cpu_ratio(Step("a", "", None, parts=("b", "c"))), 2)
        self.assertIsNone(found.cpu_ratio(Step("a", "", None)))
        self.assertIsNone(found.cpu_ratio(Step("a", "", None, parts=("d",))))

    def test_survive_being_written(self):
        found = results({"a": sample(2, rows=10)})
        again = Results.of_data(found.as_data())
        self.assertEqual(again.median("a", "rate"), 5)


class Choosing(unittest.TestCase):
    def test_takes_what_is_needed_along(self):
        steps = [Step("dump", "", None), Step("scan", "", None), Step("delta", "", None, needs=("dump",)),
                 Step("replay", "", None, needs=("dump",)), Step("delta replay", "", None, needs=("replay", "delta"))]
        self.assertEqual([step.name for step in chosen(steps, lambda name: name == "delta replay")],
                         ["dump", "delta", "replay", "delta replay"])
        self.assertEqual([step.name for step in chosen(steps, lambda name: name == "scan")], ["scan"])


class Measuring(unittest.TestCase):
    def test_sees_time_memory_and_facts(self):
        found = run("sleep 0.2; echo '{\"x\": 1}'")
        self.assertGreaterEqual(found.seconds, 0.2)
        self.assertGreater(found.rss_bytes, 100_000)
        self.assertLess(found.rss_bytes, 8_000_000)      # this Python has more, and is not counted
        self.assertEqual(found.facts, {"x": 1})

    def test_a_failure_has_the_last_words(self):
        with self.assertRaisesRegex(Failure, "status 3: no luck"):
            run("echo 'no luck' >&2; exit 3")
        with self.assertRaisesRegex(Failure, "status 1"):
            run("false | true")

    def test_inputs_are_read_to_their_end_before(self):
        """Whatever else the words of a command are."""
        with tempfile.TemporaryDirectory() as folder:
            given = Path(folder) / "given"
            given.write_bytes(b"x" * 40_000_000)
            self.assertEqual(measure.warm(["--level", "3", folder, f"{given}.none", str(given), "/dev/null"]), 40_000_000)

    def test_what_takes_too_long_is_ended(self):
        with self.assertRaises(TooSlow):
            run("sleep 60 | sleep 60", timeout=0.2)

    def test_a_peer_that_fails_is_named_and_the_run_goes_on(self):
        def fail():
            raise Failure("it broke")

        found = results()
        steps = [Step("peer x", "", fail, "peer"), Step("a", "", lambda: sample(1)), Step("o", "", lambda: sample(1), once=True)]
        measure_steps(steps, found, 2, lambda text: None)
        self.assertEqual(found.missing, {"peer x": "it broke"})
        self.assertEqual((len(found.samples("a")), len(found.samples("o"))), (2, 1))
        with self.assertRaises(Failure):
            measure_steps([Step("ours", "", fail)], found, 1, lambda text: None)


class Goals(unittest.TestCase):
    def test_in_both_directions(self):
        self.assertTrue(goals.goal("t", 1.25, 1.25)["met"])
        self.assertFalse(goals.goal("t", 1.26, 1.25)["met"])
        self.assertTrue(goals.goal("t", 5, 4, at_least=True)["met"])
        self.assertIn("MISSED  t: 3.00 times (at least 4.00 times)", goals.show([goals.goal("t", 3, 4, " times", True)])[0])

    def test_faster_is_how_many_times(self):
        found = goals.Goals(results({"dump L3": sample(2), "peer .dump": sample(9)}))
        found.faster("dump L3", "peer .dump", 4)
        self.assertEqual((found.found[0]["value"], found.found[0]["met"]), (4.5, True))

    def test_the_limit_of_a_dump_is_the_larger(self):
        for zstd, ratio in ((2, 1.5), (8, 0.75)):
            found = goals.Goals(results({"dump L3": sample(3), "scan columns": sample(2), "zstd L3": sample(zstd)}))
            goals.of_dumps(found, 2)
            self.assertEqual(found.found[0]["value"], ratio)

    def test_what_was_not_measured_is_named(self):
        found = goals.Goals(results({"dump L3": sample(3)}))
        goals.of_dumps(found, 2)
        goals.of_replays(found, 2)
        goals.of_synapse(found)
        self.assertEqual([g["goal"] for g in found.found], ["dump L3 peak memory"])
        self.assertTrue(any("peer synapse_port_db not measured" in text for text in found.unknown))

    def test_one_table_gains_by_connections_as_the_limit_does(self):
        found = goals.Goals(results({"table load j1": sample(3), "table index j1": sample(1), "table replay j1": sample(4.4),
                                     "table load j2": sample(1.5), "table index j2": sample(1), "table replay j2": sample(4)}))
        goals.of_one_table(found, 2)
        ratio, gain = found.found
        self.assertEqual((ratio["value"], ratio["met"]), (1.6, False))
        self.assertAlmostEqual(gain["value"], 1.1 / 1.6)        # 1.1 times as fast, where COPY is 1.6 times
        self.assertFalse(gain["met"])

    def test_growth_is_per_byte(self):
        small = results({"dump L3": sample(1, rss=50_000_000)})
        large = results({"dump L3": sample(11, rss=51_000_000)}, size=3_000_000_000)
        cost, memory = goals.of_sizes([small, large], 2)
        self.assertAlmostEqual(cost["value"], 1.1)
        self.assertAlmostEqual(memory["value"], 1.02)
        self.assertEqual(goals.of_sizes([small], 2), [])


LOG = """\
2026-01-01 00:00:00.000 UTC [1] LOG:  duration: 600.000 ms  statement: COPY "t" ("a") FROM STDIN
2026-01-01 00:00:00.000 UTC [1] LOG:  duration: 100.000 ms  execute <unnamed>: SET LOCAL x = 1;
\tCREATE UNIQUE INDEX i ON t (a)
2026-01-01 00:00:00.000 UTC [1] LOG:  duration: 250.000 ms  statement: ANALYZE "t";
2026-01-01 00:00:00.000 UTC [2] LOG:  checkpoint starting: time
2026-01-01 00:00:00.000 UTC [1] LOG:  duration: 50.000 ms  statement: INSERT INTO valise.part VALUES (1)
"""


class Statements(unittest.TestCase):
    def test_are_work_or_bookkeeping(self):
        facts = statements.summary(LOG)
        self.assertEqual(facts["statements"], 4)
        self.assertAlmostEqual(facts["work_seconds"], 0.95)     # an index also where it is on the second line
        self.assertAlmostEqual(statements.share_of_bookkeeping(sample(1, facts=facts)), 5)


class CommandLine(unittest.TestCase):
    def refused(self, *arguments):
        done = subprocess.run([TOOL, *arguments], text=True, capture_output=True, check=False, timeout=60)
        self.assertNotIn("Traceback", done.stderr)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_says_what_is_wrong_with_it(self):
        self.assertIn("'x' is not a size such as 64M", self.refused("--sizes", "64M,x"))
        self.assertIn("'0' is not a number from 1", self.refused("--rounds", "0"))
        self.assertIn("--only: '('", self.refused("--only", "("))
        self.assertIn("/nowhere/dump/valise-dump is not built", self.refused("--build", "/nowhere"))
        self.assertIn("--write-docs needs all steps", self.refused("--write-docs", "--only", "dump"))

    def test_asks_for_disk_before_it_begins(self):
        with tempfile.TemporaryDirectory() as folder:
            for program in ("dump/valise-dump", "replay/valise-replay", "tools/valise", "tests/bench/generate"):
                Path(folder, program).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, program).touch()
            self.assertRegex(self.refused("--build", folder, "--size", "900000G"), "may need .* of disk, and .* has")


class Reports(unittest.TestCase):
    def setUp(self):
        names = ("scan columns", "dump L3", "delta dump", "squash", "restore", "load j2", "index j2", "replay j2 full",
                 "delta replay", "peer .dump", "peer csv")
        self.all_results = [results({name: sample((i + 1) * size) for i, name in enumerate(names)}, size=size * 100_000_000)
                            for size in (1, 3, 10)]
        del self.all_results[2].rounds[0]["peer csv"]
        self.steps = [Step(name, "what", None, limit=total("scan columns")) for name in names]

    def test_tables_have_a_cell_for_each_column(self):
        table = report.table(self.steps, self.all_results[0])
        self.assertEqual({line.count("|") for line in table}, {len(report.HEAD) + 1})
        table = report.sizes_table(self.steps, self.all_results, report.seconds_and_ratio)
        self.assertEqual({line.count("|") for line in table}, {5})
        self.assertIn("| dump L3 | 2.00 s, 2.00 x limit | 6.00 s, 2.00 x limit | 20.00 s, 2.00 x limit |", table)

    def test_plots_are_well_formed_and_inside(self):
        for panels in (document.time_panels(self.all_results, 2), document.memory_panels(self.all_results, 2),
                       document.time_panels(self.all_results[:1], 2)):
            root = xml.etree.ElementTree.fromstring(plot.svg(panels))
            width, height = float(root.get("width")), float(root.get("height"))
            for text in root.iter("{http://www.w3.org/2000/svg}text"):
                self.assertTrue(0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height, text.text)
            lines = list(root.iter("{http://www.w3.org/2000/svg}polyline"))
            self.assertEqual(len(lines), sum(len(panel.lines) for panel in panels))

    def test_bars_reach_from_the_fastest_to_the_slowest(self):
        again = [results(each.rounds[0], {name: sample(2 * s.seconds) for name, s in each.rounds[0].items()},
                         size=each.database_bytes) for each in self.all_results]
        once, twice = (plot.svg(document.time_panels(found, 2)) for found in (self.all_results, again))
        self.assertNotIn('class="spread', once)
        self.assertEqual(twice.count('class="spread'), twice.count("<circle") + 6)      # and the limits, three sizes each
        line = document.seconds_line(again, "a", 0, "dump L3").points[0]
        self.assertEqual((line.low, line.y, line.high), (2, 3, 4))

    def test_a_plot_of_nothing_is_empty(self):
        self.assertNotIn("<polyline", plot.svg(document.time_panels([results({"scan sink": sample(1)})], 2)))

    def test_axes_have_numbers_between_powers_of_ten(self):
        self.assertEqual(plot.ticks(0.3, 30), [0.5, 1, 2, 5, 10, 20])
        self.assertEqual(plot.ticks(0.001, 1000), [10.0 ** e for e in range(-3, 4)])

    def test_labels_keep_their_distance(self):
        places = plot.spread_labels([100, 101, 99, 300], 0, 300)
        ordered = sorted(places)
        self.assertTrue(all(b - a >= plot.LABEL_HEIGHT for a, b in zip(ordered, ordered[1:])))
        self.assertEqual(sorted(range(4), key=lambda i: places[i]), [2, 0, 1, 3])
        self.assertLessEqual(ordered[-1], 300)

    def test_only_the_measured_part_of_the_document_is_replaced(self):
        run_of = SimpleNamespace(
            main=self.all_results[0], all_results=self.all_results, steps=self.steps, jobs=2, command="tools/bench",
            goals=[goals.goal("g", 1, 2)], unknown=["u"],
            facts={"cores": 2, "cpu": "c", "kernel": "k", "postgresql": "15", "commit": "abc"})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "benchmarks.md")
            path.write_text(f"before\n{document.BEGIN}\nold\n{document.END}\nafter\n")
            document.write(run_of, folder)
            document.write(run_of, folder)
            text = path.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
            self.assertNotIn("old", text)
            self.assertEqual(text.count("## Goals"), 1)
            for name in document.PLOTS.values():
                self.assertIn(f"]({name})", text)
                self.assertTrue(Path(folder, name).exists())
            path.write_text("nothing to replace")
            with self.assertRaises(RuntimeError):
                document.write(run_of, folder)

    def test_facts_of_other_output(self):
        self.assertEqual(measure.facts_of("nothing"), {})
        self.assertEqual(measure.facts_of("{half"), {})


if __name__ == "__main__":
    unittest.main()
