"""What a release has beside its programs: completion, man pages, licences, a bill of materials."""

import gzip
import os
import pty
import re
import select
import subprocess
import sys
import time
import tomllib
import unittest

from harness import BIN, E2E, ROOT

sys.path.insert(0, str(ROOT / "tools"))
import man_pages  # noqa: E402
import sbom  # noqa: E402
from commands_page import commands_in, help_of  # noqa: E402

PROGRAM = BIN / "fletbridge"


class Completion(E2E):
    """By a real bash at a terminal, which splits the line as it does for a person."""

    def setUp(self):
        super().setUp()
        script = self.box.write("completion", subprocess.run([PROGRAM, "completion", "bash"], check=True, capture_output=True,
                                                             text=True).stdout)
        self.box.write("a step.steps", "")
        child, self.terminal = pty.fork()
        if child == 0:
            os.chdir(self.box.app)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"],
                      {"TERM": "dumb", "PS1": "", "PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(self.box.home)})
        self.addCleanup(self.end, child)
        self.type(f"bind 'set enable-bracketed-paste off'; source '{script}'; fletbridge() {{ echo \"[$*]\"; }}; echo re''ady\n")
        self.until("ready")

    def end(self, child):
        os.close(self.terminal)  # hangs up
        os.waitpid(child, 0)

    def type(self, text):
        os.write(self.terminal, text.encode())

    def until(self, text):
        said, end = "", time.monotonic() + 20
        while text not in said:
            self.assertTrue(select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0], said)
            said += os.read(self.terminal, 4096).decode(errors="replace")
        return said

    def completed(self, line, expected):
        self.type(f"fletbridge {line}\t\n")
        self.until(f"[{expected}]")

    def testACommandAnOptionAChoiceAndAFileAreCompleted(self):
        self.completed("rollou", "rollout")
        self.completed("rollout mer", "rollout merge")
        self.completed("client veri", "client verify")
        self.completed("run --trans", "run --transport")
        self.completed("run --ui head", "run --ui headless")
        self.completed("run --ui=head", "run --ui=headless")
        self.completed("compare --ba", "compare --baseline")
        self.completed("run --steps a", "run --steps a step.steps")
        self.completed("run a", "run a step.steps")
        self.completed("completion fi", "completion fish")
        self.completed("help roll", "help rollout")


class ManPages(E2E):
    def testEachCommandHasOneThatSaysWhatItsHelpSays(self):
        folder = self.box.home / "man1"
        subprocess.run([sys.executable, "-B", ROOT / "tools/man_pages.py", "--bin", BIN, folder], check=True)
        todo = [[]]
        for words in todo:
            text = help_of(PROGRAM, words)
            todo += [[*words, command] for command in commands_in(text)]
            page = (folder / f"{'-'.join(['fletbridge', *words])}.1").read_text()
            for option in re.findall(r"^(?:  -\w, | {6})(--[\w-]+)", text, re.M):
                self.assertIn(man_pages.escaped(option), page)
        self.assertEqual(len(list(folder.iterdir())), len(todo))


class Contents(E2E):
    def testWhatIsInsideOfThePrograms(self):
        notice = (ROOT / "NOTICE").read_text()
        names = [component["name"] for component in sbom.bill(BIN.parent)["components"]]
        for name in ("Boost", "Brotli", "CLI11", "JSON for Modern C++", "libmd", "libstdc++", "libxcb", "MessagePack for C++",
                     "plotly.js", "toml++"):
            self.assertIn(name, names)
        for name in names:
            self.assertIn(name, notice)

    def testTheLicencesGoWithWheelAndDebianPackage(self):
        with open(ROOT / "pyproject.toml", "rb") as file:
            self.assertEqual(tomllib.load(file)["project"]["license-files"], ["LICENSE", "NOTICE"])
        version = re.search(r"project\(fletbridge VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        for package in ("fletbridge", "fletbridge-dev"):
            subprocess.run([sys.executable, "-B", ROOT / "packaging/debian_documents.py", package, version, self.box.home], check=True)
            folder = self.box.home / "share/doc" / package
            told = (folder / "copyright").read_text()
            self.assertIn((ROOT / "NOTICE").read_text(), told)
            self.assertIn("/usr/share/common-licenses/Apache-2.0", told)
            self.assertIn(f"fletbridge ({version}) ", gzip.decompress((folder / "changelog.gz").read_bytes()).decode())


if __name__ == "__main__":
    unittest.main()
