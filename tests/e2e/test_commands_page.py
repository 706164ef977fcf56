"""docs/commands.md says what the commands say."""

import sys
import unittest

from harness import BIN, ROOT

sys.path.insert(0, str(ROOT / "tools"))
import commands_page  # noqa: E402


class CommandsPage(unittest.TestCase):
    maxDiff = 4000

    def testThePageHasTheHelpOfEveryCommandAndSubcommand(self):
        made = commands_page.page(BIN)
        for words in ("run", "compare", "record", "replay", "diff", "inspect", "doctor", "rollout", "check", "client",
                      "rollout explain", "rollout validate", "rollout simulate", "rollout eval", "rollout status",
                      "rollout reset", "client list", "client add", "client verify"):
            self.assertIn(f"\n## fletbridge {words}\n", made)
        self.assertEqual(commands_page.PAGE.read_text(), made, "run tools/commands_page.py")


if __name__ == "__main__":
    unittest.main()
