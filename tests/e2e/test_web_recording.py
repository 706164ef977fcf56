"""A session over the web is the one that the same inputs make elsewhere: what a headless client has said on the same stage
is said again through a WebSocket, and the two recordings and pages are compared."""

import json
import unittest
from functools import partial

import msgpack

import g3
from harness import BIN, EXAMPLES, PATIENCE, VARIANTS, every_variant
from test_examples import NAMES
from test_web import ONE_OF_EACH, Web, WebClient


def as_extension(value):
    """A time in MessagePack, as `inspect` shows it."""
    return msgpack.ExtType(value["$ext"], value["text"].encode()) if "$ext" in value else value


class Recorded(Web):
    def tool(self, *arguments):
        run = self.box.launch([BIN / "fletbridge", *arguments])
        return run.wait(60), run

    def frames(self, recording):
        code, run = self.tool("inspect", "--frames", "1..1000000", recording)
        self.assertEqual(code, 0, run.shown())
        return [json.loads(line, object_hook=as_extension) for line in run.text[0].splitlines()]

    def tree(self, recording):
        code, run = self.tool("inspect", "--tree", recording)
        self.assertEqual(code, 0, run.shown())
        return g3.without_ids(json.loads(run.text[0]))

    def say_again(self, client, frames):
        """Each input when as many frames have come as then; a moment later if fewer come this time."""
        came = 0
        calls = iter(client.invokes)
        for frame in frames:
            if frame["to"] == "ui":
                came += 1
                continue
            self.wait_for(client, came)
            action, body = frame["message"]
            if action == g3.INVOKE:
                body["call_id"] = next(calls)["call_id"]
            client.send(action, body)
        self.wait_for(client, came)

    def wait_for(self, client, count):
        try:
            client.pump(lambda: len(client.frames) >= count, 2 * PATIENCE)
        except g3.Timeout:
            pass  # what a background task has said in two is said in one

    def record_headless(self, app, steps):
        file = self.box.home / "headless.rec"
        run = self.box.headless(self.variant, app, steps=steps, options=["--record", file])
        self.assertEqual(run.wait(60), 0, run.shown())
        return file


class Again(WebClient):
    def _answer(self, call):
        """The recording has the answers."""


@partial(every_variant, variants=ONE_OF_EACH)
class WebRecording:
    __test_base__ = Recorded

    def testEveryExampleHasTheSamePagesAsWithoutAScreen(self):
        for name in NAMES:
            with self.subTest(name):
                app = EXAMPLES / name / "main.py"
                first = self.record_headless(app, (EXAMPLES / name / "steps.txt").read_text())
                second = self.box.home / "web.rec"
                self.serve(self.variant, app, "--record", second)
                client = Again(self.socket())
                self.say_again(client, self.frames(first))
                self.end(143)
                _, run = self.tool("diff", "--json", "--mask", "Page . client_*", "--mask", "time", first, second)
                differences = json.loads(run.text[0])["differences"]
                if name != "drawing":  # a drag goes on whether or not the app keeps up: only its end is the same
                    self.assertEqual([d for d in differences if d["path"] != "exit code"], [], run.shown())
                page = self.tree(second)
                self.assertEqual((page.pop("client_ip"), page.pop("client_user_agent")), ("127.0.0.1", "a test"))
                self.assertEqual(page, self.tree(first))

    def testOneBrowserAtATimeIsRecordedAndThenTheNextThatComes(self):
        file = self.box.home / "web.rec"
        self.serve(self.variant, EXAMPLES / "counter/main.py", "--record", file, "--log-level", "debug")
        first, second = self.come(), self.come()
        for _ in range(2):
            second.click("+")
        second.expect_text("2")
        first.click("-")
        first.expect_text("-1")
        first.close()
        self.run_.wait_line("ui disconnected")
        third = self.come()
        third.click("+")
        third.expect_text("1")
        self.end(143)
        frames = self.frames(file)
        told = [frame["message"][0] for frame in frames if frame["to"] == "app"]
        self.assertEqual(told.count(g3.REGISTER), 2)
        self.assertEqual(told.count(g3.EVENT), 2)
        self.assertTrue(all(frame["message"][0] < 10 for frame in frames), "words of our own are recorded")


class NotRecorded(Web):
    def testWorkersAreSeveralAppsAndARecordingIsOfOne(self):
        run = self.box.run(VARIANTS[0], EXAMPLES / "counter/main.py", ui="web", report=False,
                           options=["--port", "0", "--workers", "2", "--record", self.box.home / "web.rec"])
        self.assertEqual(run.wait(30), 2, run.shown())
        self.one_line(run, "a recording is of one process", "--workers")


if __name__ == "__main__":
    unittest.main()
