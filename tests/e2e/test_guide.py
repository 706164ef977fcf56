"""The commands of MIGRATION.md's guide, as they are printed, in order and in one shell."""

import json
import re
import shutil

from harness import BIN, E2E, EXAMPLES, ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


class Guide(E2E):
    def testItsCommandsWorkAsPrintedAndLeadThereAndBack(self):
        # The guide begins in the project's folder: here a copy with the chat alone.
        (self.box.app / "build").mkdir()
        (self.box.app / "build/venv").symlink_to(ROOT / "build/venv")
        (self.box.app / "build/release").symlink_to(BIN.resolve().parent)
        chat = self.box.app / "examples/chat"
        chat.mkdir(parents=True)
        for name in ("main.py", "steps.txt"):
            shutil.copy(EXAMPLES / "chat" / name, chat / name)
        blocks = BLOCK.findall((ROOT / "MIGRATION.md").read_text())
        self.assertGreaterEqual(len(blocks), 6)
        script = "".join(f"echo BLOCK {number}\n{block}" for number, block in enumerate(blocks))
        run = self.box.launch(["/bin/sh", "-e", "-c", script])
        self.assertEqual(run.wait(110), 0, run.shown())
        parts = re.split(r"^BLOCK (\d+)\n", run.text[0], flags=re.M)[1:]
        said = dict(zip(parts[::2], parts[1::2]))

        def of(word):
            [number] = [str(n) for n, block in enumerate(blocks) if word in block]
            return said[number]

        self.assertRegex(of("--sarif"), r"differs +0 +0 +0")
        self.assertEqual(json.loads((chat / "check.sarif").read_text())["version"], "2.1.0")
        self.assertIn("the same: 11 inputs", of("fletbridge diff"))
        self.assertRegex(of("rollout validate"), r"no mistakes(?s:.*)1 start, 0 failures")
        self.assertRegex((chat / "chat.prom").read_text(), r'fletbridge_starts_total\{app="main.py",.*\} 1\n')
        self.assertRegex(of("more.json"), r"(?s)3 +\d+ +.*higher")
        self.assertRegex(of("sed -i"), r"(?m)^stage +1\b.*(?s:.*)fletbridge.kill is on")
        self.assertIn("start-up", of("fletbridge compare"))
        for page in ("diff.html", "compare.html"):
            self.assertIn("<html", (chat / page).read_text())
