"""Stage 3 with a Flet that has no bridge (0.82.2): its socket server on connections that are no sockets, and apps that
do more than answer clicks."""

import os
import signal
import unittest

import g2
from harness import HOSTED, PYTHON_OF_2, ROOT, E2E, all_pids, every_variant, open_fds, parent_of

PYTHON_OF_1 = ROOT / "build/venv/0.28.3/bin/python"
FFI = [variant for variant in HOSTED if variant.transport == "ffi"]

APP = """
import asyncio, os, shutil, signal, socket, subprocess, sys, tempfile, threading, time
import flet as ft

print("START", os.getpid(), flush=True)

class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        print("POLICY", flush=True)
        return super().new_event_loop()

if "policy" in sys.argv:
    asyncio.set_event_loop_policy(Policy())
if "slow" in sys.argv:
    time.sleep(1.5)

async def main(page):
    text = ft.Text("0")
    said = ft.Text("")
    rows = ft.Column()

    def say(words):
        said.value = words
        page.update()

    def plus(e):
        text.value = str(int(text.value) + 1)

    async def background(e):
        async def work():
            for number in range(20):
                await asyncio.sleep(0.005)
            say("worked")

        page.run_task(work)

    def thread(e):
        def work():
            time.sleep(0.05)
            asyncio.run_coroutine_threadsafe(tell("threaded"), loop)

        page.run_thread(work)

    async def tell(words):
        say(words)

    def many(e):
        rows.controls = [ft.Row([ft.Checkbox(), ft.Text("row %d" % n), ft.IconButton(ft.Icons.DELETE)])
                         for n in range(1000)]
        say("filled")

    def fail(e):
        raise ValueError("on purpose")

    def fork(e):
        child = os.fork()
        if child == 0:
            os._exit(5)
        say("fork %d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    async def child(e):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import asyncio; print('child', asyncio.run(asyncio.sleep(0, 7)))",
            stdout=subprocess.PIPE)
        say((await process.communicate())[0].decode().strip())

    async def serve(e):
        async def echo(reader, writer):
            writer.write(b"got " + await reader.readline())
            await writer.drain()
            writer.close()

        folder = tempfile.mkdtemp()
        path = os.path.join(folder, "s")
        unix = await asyncio.start_unix_server(echo, path)
        tcp = await asyncio.start_server(echo, "127.0.0.1", 0)
        answers = [len(unix.sockets) + len(tcp.sockets)]
        for opened in (asyncio.open_unix_connection(path),
                       asyncio.open_connection(*tcp.sockets[0].getsockname())):
            reader, writer = await opened
            writer.write(b"it\\n")
            answers.append((await reader.readline()).decode().strip())
            writer.close()
        for server in unix, tcp:
            server.close()
        shutil.rmtree(folder)
        say(str(answers))

    def junk(e):
        page.session.connection._FletSocketServer__writer.write(b"this is no message")

    loop = asyncio.get_running_loop()
    page.add(text, said, rows, *(ft.Button(one.__name__, on_click=one) for one in (
        plus, background, thread, many, fail, fork, child, serve, junk)))
    print("MAIN", flush=True)

ft.run(main)
print("CLEANED", flush=True)
"""


@unittest.skipUnless(PYTHON_OF_2.exists(), "no build/venv/0.82.2: run tools/setup.sh")
class OfFlet082(E2E):
    def begin(self, *words, **more):
        return self.box.attach(self.variant, self.box.write("app.py", APP), *words, python=PYTHON_OF_2, **more)

    def client2(self, run):
        client = g2.Client.registered(run.address, 30, run.alive)
        self.addCleanup(client.close)
        client.expect_text("0")
        return client


class AppsOfFlet082:
    def testDoMoreThanAnswerClicks(self):
        run = self.begin()
        client = self.client2(run)
        for name, said in (("background", "worked"), ("thread", "threaded"), ("fork", "fork 5"), ("child", "child 7"),
                           ("serve", "[2, 'got it', 'got it']")):
            client.click(name)
            client.expect_text(said)
        client.click("many")
        client.expect_text("filled")
        self.assertEqual(len(client.controls("Checkbox")), 1000)
        self.assertEqual(client.crashes, [])
        client.click("fail")
        client.click("plus")
        client.expect_text("1")
        self.assertEqual(len(client.crashes), 1)
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertIn("CLEANED", run.text[0], run.shown())

    def testHaveNoSocketButTheLoopsOwnPair(self):
        run = self.begin()
        self.client2(run)
        sockets = [target for target in open_fds(run.pid).values() if target.startswith("socket:")]
        # Besides: attach's own listener and its client.
        self.assertEqual(len(sockets), 4, sockets)
        self.assertEqual(self.box.left_files(), [])
        self.assertEqual([pid for pid in all_pids() if parent_of(pid) == run.pid], [])
        self.assertEqual(self.stop(run), 143, run.shown())

    def testServeOneClientAfterTheOther(self):
        run = self.begin()
        for _ in range(5):
            client = self.client2(run)
            client.click("plus")
            client.expect_text("1")
            client.close()
        self.client2(run)
        self.assertEqual(self.stop(run, signal.SIGINT), 130, run.shown())
        self.assertEqual(run.text[0].count("MAIN"), 6)
        self.assertIn("CLEANED", run.text[0], run.shown())

    def testThatWriteNoMessageLoseTheirSessionWithOneLine(self):
        run = self.begin()
        client = self.client2(run)
        client.click("junk")
        client.wait_closed(10)
        run.wait_line("not as a list of two")
        client = self.client2(run)
        client.click("plus")
        client.expect_text("1")
        self.assertEqual(self.stop(run), 143, run.shown())
        lines = [line for line in run.text[1].splitlines() if "list of two" in line]
        self.assertEqual(len(lines), 1, run.shown())

    def testAreWaitedForAndMayHaveAPolicyOfTheirOwn(self):
        run = self.begin("policy", "slow")
        client = self.client2(run)
        client.click("plus")
        client.expect_text("1")
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertIn("POLICY", run.text[0])

    def testLeaveNothingWhenTheyAreKilled(self):
        run = self.begin()
        self.client2(run)
        os.kill(run.pid, signal.SIGKILL)
        self.assertEqual(run.wait(10), 137)


AppsOfFlet082.__test_base__ = OfFlet082
every_variant(AppsOfFlet082, FFI)


APP_OF_028 = """
import sys, threading, time
import flet as ft

def main(page):
    text = ft.Text("0")
    said = ft.Text("")

    def plus(e):
        text.value = str(int(text.value) + 1)
        page.update()

    def thread(e):
        def work():
            time.sleep(0.05)
            said.value = "threaded"
            page.update()

        threading.Thread(target=work).start()

    def many(e):
        page.add(ft.Column([ft.Row([ft.Checkbox(), ft.Text(f"row {n}")]) for n in range(1000)]))
        said.value = "filled"
        page.update()

    page.add(text, said, *(ft.ElevatedButton(one.__name__, on_click=one) for one in (plus, thread, many)))
    print("MAIN", flush=True)

async def main_async(page):
    main(page)

ft.app(main_async if "async" in sys.argv else main)
print("CLEANED", flush=True)
sys.exit(3)
"""

STEPS_OF_028 = """
repeat 20 click text="plus"
expect text="20"
click text="thread"
wait text="threaded" 20s
click text="many"
wait text="filled" 20s
expect text="row 999"
close
"""


@unittest.skipUnless(PYTHON_OF_1.exists(), "no build/venv/0.28.3: run tools/setup.sh")
class OfFlet028(E2E):
    pass


class AppsOfFlet028:
    """JSON, and a server that writes without drain()."""

    def testRunWithMainsOfBothKindsToTheirOwnEnd(self):
        for words in ((), ("async",)):
            with self.subTest(words):
                run = self.box.headless(self.variant, self.box.write("app.py", APP_OF_028), *words,
                                        python=PYTHON_OF_1, steps=STEPS_OF_028)
                self.assertEqual(run.wait(60), 3, run.shown())
                self.assertIn("CLEANED", run.text[0], run.shown())
                report = run.report()
                self.assertEqual((report["generation"], report["used"]["stage"]), (1, "3"))

    def testEndAtControlC(self):
        run = self.box.headless(self.variant, self.box.write("app.py", APP_OF_028), python=PYTHON_OF_1)
        run.wait_line("MAIN", 30)
        self.assertEqual(self.stop(run, signal.SIGINT), 130, run.shown())
        self.assertIn("CLEANED", run.text[0], run.shown())


AppsOfFlet028.__test_base__ = OfFlet028
every_variant(AppsOfFlet028, FFI)


if __name__ == "__main__":
    unittest.main()
