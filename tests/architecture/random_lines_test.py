"""tools/random_lines.py on a small tree."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools/random_lines.py"


class RandomLines(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for name, text in {
            "common/net/a.cc": '#include "common/net/a.h"\n\nnamespace fletbridge {\nint first;\n}  // namespace fletbridge\n',
            "src/ui/attach/b.h": "// Room: src/ui/attach. A header.\n#pragma once\nint second();\n{\n});\n",
            "python/shim/on-demand/c.py": "import os\n\nthird = os.getpid()\n",
            "tests/d.cc": "int not_product_code;\n",
        }.items():
            path = Path(self.root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run_tool(self, *words):
        return subprocess.run([sys.executable, TOOL, "--root", self.root, *words], text=True, check=True, timeout=60,
                              stdout=subprocess.PIPE).stdout

    def test_draws_product_code_alone_and_names_no_file(self):
        lines = self.run_tool("--seed", "1").splitlines()
        self.assertEqual(sorted(line.split(maxsplit=1)[1] for line in lines),
                         ["int first;", "int second();", "third = os.getpid()"])

    def test_the_same_seed_draws_the_same_lines_with_and_without_answers(self):
        lines = self.run_tool("--seed", "7", "--count", "2").splitlines()
        answers = self.run_tool("--seed", "7", "--count", "2", "--answers").splitlines()
        self.assertEqual(answers[::2], lines)

    def test_an_answer_names_room_file_and_line(self):
        answers = self.run_tool("--seed", "1", "--answers").splitlines()[1::2]
        self.assertEqual(sorted(line.split(maxsplit=1)[1] for line in answers), [
            "common/net  (common/net/a.cc:4)",
            "python/shim  (python/shim/on-demand/c.py:3)",
            "src/ui/attach  (src/ui/attach/b.h:3)",
        ])

    def test_context_shows_the_lines_around_but_none_that_names_the_room(self):
        shown = self.run_tool("--seed", "1", "--context", "2")
        self.assertIn("     > int second();\n       {\n       });", shown)
        self.assertIn("       #pragma once\n     > int second();", shown)
        self.assertNotIn("Room:", shown)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
