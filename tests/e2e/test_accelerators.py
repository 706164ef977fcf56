"""What speeds up Flet's own Python: kept from one start to the next, listed in the report, and switchable."""

from harness import E2E, EXAMPLES, HOSTED, PYTHON_OF_2, Variant, every_variant

COUNTER = EXAMPLES / "counter/main.py"


class Accelerated:
    python = PYTHON_OF_2

    def counted(self, *options, env=None):
        """A whole run; the accelerators of its report."""
        run = self.box.headless(self.variant, COUNTER, python=self.python, options=options, env=env,
                                steps='click text="+"\nexpect text="1"\nclose\n')
        self.assertEqual(run.wait(60), 0, run.shown())
        self.assertEqual(run.text[1], "")
        return run.report()["used"]["accelerators"]

    def kept(self):
        """The files of generated code -> when they were written."""
        return {file: file.stat().st_mtime_ns
                for file in (self.box.user / ".cache/fletbridge").rglob("generated-code/*")}

    def testGeneratedCodeIsKeptAndTakenAgainUnlessSwitchedOff(self):
        self.assertEqual(self.counted("--accelerators", "none"), [])
        self.assertEqual(self.counted(env={"PYTHONDONTWRITEBYTECODE": "1"}), [])
        self.assertEqual(self.kept(), {})
        self.assertEqual(self.counted(), ["generated-code"])
        first = self.kept()
        (file,) = first
        self.assertIn("flet-0.82.2-cpython-3", file.name)
        self.assertGreater(file.stat().st_size, 1_000_000)  # of more than three hundred controls
        self.assertEqual(self.counted(), ["generated-code"])
        self.assertEqual(self.kept(), first, "nothing was compiled again")


every_variant(Accelerated, [Variant("1", "uds"), *(hosted for hosted in HOSTED if hosted.stage == "2")])
