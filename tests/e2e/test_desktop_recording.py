"""A person's clicks in a real window: in the recording, replayed without a window, and what a rollout makes of direct."""

import json

from harness import BIN, E2E, PYTHON_OF_2, Variant
from windowed import APP, CLIENT, NUMBER, PLUS, ROWS, Windowed, both_pairs

FLAGS = {"flags": {"fletbridge.stage": {"state": "ENABLED", "variants": {"three": "3"}, "defaultVariant": "three"}}}


class Drawn(Windowed):
    def drawn(self, run):
        """The window, with the app in it."""
        self.see(run, lambda shot: not (shot.is_empty() or shot.blank(NUMBER) or shot.blank(ROWS)), "the app")
        return self.window_titled("Probe")


class ARecordedWindow(Drawn):
    def testAClickIsInTheRecordingAndReplaysHeadlessOnEveryOtherStage(self):
        file = self.box.home / "window.rec"
        # Where the two could speak directly (Native), being recorded makes them relayed.
        run = self.shown(options=["--record", file])
        window = self.drawn(run)
        for number in (1, 2):
            self.display.click(PLUS)
            run.wait_line(f"^PLUS {number}$")
        self.display.close_window(window)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.report()["used"]["mode"], "relayed")

        def fletbridge(*words):
            run = self.box.launch([BIN / "fletbridge", *words])
            self.assertEqual(run.wait(60), 0, run.shown())
            return run.text

        self.assertEqual(fletbridge("inspect", file)[0].count("event click"), 2)
        for stage in ("1", "2", "3")[:self.generation]:
            again = self.box.name("replay")
            said = fletbridge("replay", "--stage", stage, "--to", again, file)
            self.assertIn("PLUS 2", said[0])
            self.assertIn("the same", said[1])
            self.assertIn("the same", fletbridge("diff", file, again)[0])
        steps = fletbridge("inspect", file, "--steps")[0]
        self.assertEqual(steps.count('click text="+"\n'), 2, steps)
        run = self.box.headless(self.variant, APP, steps=steps, python=self.python, stdin=-1)
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertIn("PLUS 2", run.text[0])


both_pairs(ARecordedWindow, [Variant("1", "uds"), Variant("3", "ffi")], [Variant("1", "uds"), Variant("2", "uds"), Variant("3", "ffi")])


class DirectMode(Drawn, E2E):
    python = PYTHON_OF_2
    variant = Variant("1", "uds")

    def testARecordingOfItIsRefusedInOneLine(self):
        run = self.start(APP, options=["--mode", "direct", "--record", self.box.home / "window.rec"])
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, "mode direct cannot be: a recording needs every packet; use --mode auto")

    def testAStageOfTheFlagFileThatHasNoSocketIsReplacedInTheSameRun(self):
        self.box.write("flags.json", json.dumps(FLAGS))
        run = self.box.run(None, APP, ui="desktop", python=PYTHON_OF_2, env=self.display.environment, stdin=-1,
                           options=["--flet-client", CLIENT, "--mode", "direct", "--rollout", "flags.json"])
        run.wait_line("^SHOWN", 60)
        self.display.close_window(self.drawn(run))
        self.assertEqual(run.wait(30), 0, run.shown())
        used = run.report()["used"]
        self.assertEqual((used["stage"], used["mode"]), ("2", "direct"))
        self.assertEqual([f["from"] for f in used["fallbacks"]], ["3"])
        self.assertRegex(run.text[1], "on stage 2 .*stage 3 cannot run: it has no socket for mode direct")
