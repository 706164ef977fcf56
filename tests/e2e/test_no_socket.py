"""Stage 3 has no socket: shown from outside, while the app runs headless; and one process is one
process."""

import os
import subprocess
import unittest

from harness import every_variant, open_fds, proc_net, read_proc

APP = """
import os, sys
import flet as ft

def main(page):
    text = ft.Text("0")

    def hold(e):
        print("HOLDING", os.getpid(), flush=True)
        sys.stdin.readline()
        text.value = "released"

    page.add(text, ft.Button("hold", on_click=hold))

ft.run(main)
"""


def unix_sockets():
    """inode -> (listens, path or None)"""
    found = {}
    for line in proc_net("unix"):
        fields = line.split()
        found[int(fields[6])] = (fields[3] == "00010000", fields[7] if len(fields) > 7 else None)
    return found


def internet_sockets():
    return {int(line.split()[9]) for name in ("tcp", "tcp6", "udp", "udp6")
            for line in proc_net(name)}


@every_variant
class Sockets:
    def testWhatSocketsARunningAppHas(self):
        run = self.box.headless(self.variant, self.box.write("app.py", APP), stdin=subprocess.PIPE,
                                steps='click text="hold"\nwait text="released" 60s\n')
        app = int(run.wait_line(r"HOLDING (\d+)").group(1))
        pids = self.box.processes()
        self.assertEqual(set(pids), {run.pid, app})
        self.assertEqual(app == run.pid, self.variant.in_process)

        inodes = {int(target[8:-1]) for pid in pids for target in open_fds(pid).values()
                  if target.startswith("socket:[")}
        unix, internet = unix_sockets(), internet_sockets()
        named = {unix[i][1] for i in inodes if i in unix and unix[i][1]}
        listening = {i for i in inodes if i in unix and unix[i][0]}
        if self.variant.transport == "ffi":
            self.assertEqual(inodes & internet, set())
            self.assertEqual(named, set())
            self.assertEqual(listening, set())
            # asyncio wakes its own loop through one unnamed pair; nothing else may be there.
            self.assertEqual(len(inodes), 2, {i: unix.get(i) for i in inodes})
            self.assertEqual(self.box.left_files(), [])
        elif self.variant.transport == "tcp":
            self.assertEqual(named, set())
            self.assertTrue(inodes & internet)
        else:
            self.assertEqual(inodes & internet, set())
            self.assertTrue(named)
            for path in named:
                # In a folder that is closed to others, whatever the file's own mode.
                folder = os.path.dirname(path)
                if os.path.exists(folder):
                    self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
        run.write(b"go\n")
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertEqual({p["pid"] for p in run.report()["processes"]}, set(pids))

    def testIdleAppTakesNoProcessorTime(self):
        run = self.box.attach(self.variant, self.box.write("app.py", APP))
        client = self.client(run)
        client.expect_text("0")

        def ticks():
            return sum(int(field) for pid in self.box.processes()
                       for field in read_proc(pid, "stat").rpartition(b")")[2].split()[11:13])

        client.wait_idle(0.3)
        before = ticks()
        client.wait_idle(0.5)
        self.assertLessEqual(ticks() - before, 1, "somebody polls")
        self.assertEqual(self.stop(run), 143, run.shown())


if __name__ == "__main__":
    unittest.main()
