"""A libdart_bridge.so on the Dart VM of a Flutter engine, for the original and for ours.

Each class is one library and one ctest entry; what is missing here is skipped by name.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import vm_host
from display import Display, end_with_me

MIB = 1 << 20


class OnRealVm:
    """The tests; the classes below say for which library."""

    @classmethod
    def setUpClass(cls):
        if not cls.library.exists():
            raise unittest.SkipTest(f"no {cls.what}; {cls.hint}")
        if why := vm_host.why_no_real_vm():
            raise unittest.SkipTest(why)
        cls.display = Display()
        cls.display.__enter__()
        cls.addClassCleanup(cls.display.__exit__)

    def run_host(self, scenario, **options):
        return vm_host.run(self.library, scenario, vm="real", display=self.display, timeout=30, **options)

    def assert_freed_once(self, posts):
        self.assertEqual(posts["freed"], posts["external"], posts)
        for wrong in ("freed_twice", "without_finalizer", "freed_though_refused", "freed_while_posting"):
            self.assertEqual(posts[wrong], 0, posts)

    def test_two_thousand_small_messages_come_back_without_a_wrong_byte(self):
        result = self.run_host("echo", bytes=64, count=2000)
        self.assertEqual(result["rtt_us"]["count"], 2000)
        self.assertEqual(result["wrong"], 0)

    def test_three_hundred_messages_of_a_mebibyte_come_back_without_a_wrong_byte(self):
        result = self.run_host("echo", bytes=MIB, count=300, count_posts=True)
        self.assertEqual(result["rtt_us"]["count"], 300)
        self.assertEqual(result["wrong"], 0)
        self.assert_freed_once(result["posts"])

    def test_messages_of_odd_sizes_come_back_without_a_wrong_byte(self):
        for size in (1, 7, 4095, 65535, 65537, 16 * MIB + 3):
            with self.subTest(size=size):
                result = self.run_host("echo", bytes=size, count=20, count_posts=True)
                self.assertEqual(result["wrong"], 0)
                self.assert_freed_once(result["posts"])

    def test_a_port_that_is_closed_or_unknown_raises_RuntimeError(self):
        for size in (1, MIB):  # whichever way its bytes take
            with self.subTest(size=size):
                result = self.run_host("ports", bytes=size, count_posts=True)
                self.assertEqual((result["close_open"], result["close_again"]), (True, False))
                for port in ("closed", "unknown", "zero"):
                    self.assertTrue(result["answers"][port].startswith("RuntimeError: "), result)
                self.assertEqual(result["answers"]["zero"], "RuntimeError: Dart port is 0 (invalid)")
                self.assert_freed_once(result["posts"])

    def test_a_thousand_echoes_of_a_mebibyte_leave_nothing_on_the_heap(self):
        result = self.run_host("growth", bytes=MIB, count=1000, count_posts=True)
        self.assertEqual(result["wrong"], 0)
        self.assertLess(result["python_growth"], 5 * MIB)
        self.assertLess(result["process_growth"], 16 * MIB)
        self.assert_freed_once(result["posts"])

    def test_messages_still_in_the_port_survive_the_end_of_the_program_and_are_freed_once(self):
        result = self.run_host("last-words", bytes=300_000, count=64, count_posts=True)
        self.assertEqual(result["completion"], [0])
        self.assertEqual((result["got"], result["wrong"]), (64, 0))
        self.assert_freed_once(result["posts"])

    def test_messages_that_nobody_reads_are_freed_once_when_their_port_closes(self):
        result = self.run_host("unread", bytes=300_000, count=64, count_posts=True)
        self.assertEqual(result["completion"], [0])
        self.assert_freed_once(result["posts"])

    def test_the_completion_port_gets_one_integer_the_exit_code(self):
        self.assertEqual(self.run_host("completion")["completion"], [0])
        self.assertEqual(self.run_host("completion-raising")["completion"], [1])

    def test_nothing_is_left_when_the_test_is_killed(self):
        starter = (
            "import signal, subprocess, sys, vm_host\nfrom display import Display, end_with_me\n"
            "display = Display().__enter__()\n"
            "line = vm_host.command(sys.argv[1], 'echo', 'real', {'count': 10**9})\n"
            "host = subprocess.Popen(line, env=vm_host.environment(display),\n"
            "                        preexec_fn=end_with_me(signal.SIGKILL))\n"
            "print(display.server.pid, host.pid, display.name, flush=True)\n"
            "host.wait()\n")
        test = subprocess.Popen([sys.executable, "-B", "-c", starter, str(self.library)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                cwd=pathlib.Path(__file__).parent,
                                preexec_fn=end_with_me(signal.SIGKILL))
        server, host, display = test.stdout.readline().split()
        watched = [os.pidfd_open(int(pid)) for pid in (server, host)]
        test.send_signal(signal.SIGKILL)
        test.wait()
        test.stdout.close()
        for pid, fd in zip((server, host), watched):
            self.assertTrue(wait_readable(fd, 20), f"process {pid} still runs")
            os.close(fd)
        for left in (f"/tmp/.X11-unix/X{display[1:]}", f"/tmp/.X{display[1:]}-lock"):
            self.assertFalse(os.path.exists(left), left)


def wait_readable(fd, seconds):
    import select

    deadline = time.monotonic() + seconds
    return bool(select.select([fd], [], [], max(0, deadline - time.monotonic()))[0])


class Original(OnRealVm, unittest.TestCase):
    library = vm_host.ORIGINAL
    what = "original libdart_bridge.so"
    hint = "name one with FLETBRIDGE_ORIGINAL"


class Ours(OnRealVm, unittest.TestCase):
    library = vm_host.OURS
    what = "libdart_bridge.so of this build"
    hint = "build the target dart_bridge"

    def test_large_messages_are_handed_over_without_a_copy(self):
        posts = self.run_host("echo", bytes=MIB, count=100, count_posts=True)["posts"]
        self.assertGreaterEqual(posts["external"], 100)
        self.assert_freed_once(posts)

    def test_a_caller_never_waits_while_python_computes(self):
        # Told by the kernel, so a busy machine changes nothing: a thread that waits gives the processor up.
        for work, calls in (("python", 500), ("c", 200)):
            with self.subTest(work=work):
                result = self.run_host("enqueue", bytes=64, count=calls, work=work)
                self.assertEqual(result["call_us"]["count"], calls)
                self.assertTrue(result["arrived"])
                self.assertLessEqual(result["slept"], calls // 100, result)  # the allocator has locks


if __name__ == "__main__":
    unittest.main()
