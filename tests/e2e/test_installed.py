"""What people are given, elsewhere than where it was built: an installation in a Python environment, as the wheel lays it
out, and one for C++ projects; what its programs ask of the machine."""

import platform
import re
import shutil
import stat
import subprocess
import unittest
from pathlib import Path

from harness import BIN, E2E, EXAMPLES, PYTHON, ROOT

BUILD = BIN.parent
STEPS = 'click text="+"\nexpect text="1"\nclose\n'
COUNTER = EXAMPLES / "counter/main.py"


def install(folder):
    subprocess.run(["cmake", "--install", BUILD, "--prefix", folder], check=True, capture_output=True)


class Needs(unittest.TestCase):
    """Debian 12's compiler can make what runs with glibc 2.34; libstdc++.a and libgcc_eh.a ask for more by themselves."""

    GIVEN = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

    def testNothingNeedsALaterGlibcOrAnotherCppLibrary(self):
        here = tuple(map(int, platform.libc_ver()[1].split(".")))
        limit = (2, 34) if here <= (2, 36) else here
        parts = BUILD / "lib/fletbridge"
        programs = [BIN / "fletbridge", BIN / "flet", BUILD / "lib/libdart_bridge.so", parts / "fletbridge-fetch",
                    parts / "fletbridge-packaged-host", *parts.rglob("*.so")]
        self.assertGreaterEqual(len(programs), 7)
        for program in programs:
            with self.subTest(program.name):
                told = subprocess.run(["objdump", "-T", "-p", program], check=True, capture_output=True, text=True).stdout
                asked = {tuple(map(int, version.split(".")[:2])) for version in re.findall(r"GLIBC_([0-9.]+)", told)}
                self.assertLessEqual(max(asked), limit)
                self.assertLessEqual(set(re.findall(r"NEEDED +(\S+)", told)), self.GIVEN)


class InAnEnvironment(E2E):
    def setUp(self):
        super().setUp()
        self.environment = self.box.home / "environment"
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", self.environment], check=True)
        packages = next(self.environment.glob("lib/python3.*/site-packages"))
        flet = subprocess.run([PYTHON, "-c", "import flet; print(flet.__path__[0])"], check=True, capture_output=True,
                              text=True).stdout.strip()
        (packages / "flet.pth").write_text(str(Path(flet).parent) + "\n")
        self.package = packages / "fletbridge"
        install(self.package)
        for name in ("__init__.py", "__main__.py"):  # the wheel has these twice
            shutil.copy(self.package / "lib/fletbridge/python/fletbridge" / name, self.package)
        self.python = self.environment / "bin/python"

    def told(self, *words, **more):
        run = self.box.launch([self.python, *words], **more)
        self.assertEqual(run.wait(30), 0, run.shown())
        return run.text[0]

    def testBothWaysInRunTheAppOfThatEnvironment(self):
        steps, report = self.box.write("steps.txt", STEPS), self.box.home / "report.json"
        for way in (["-m", "fletbridge"], ["-c", "from fletbridge.__main__ import command; command()"]):
            run = self.box.launch([self.python, *way, "run", "--ui", "headless", "--stage", "3", "--steps", steps,
                                   "--report", report, COUNTER], report=report)
            self.assertEqual(run.wait(30), 0, run.shown())
            self.assertEqual(run.report()["accelerators"]["state"]["diff"]["on"], True, run.report()["accelerators"])

    def testTheCommandOfAnEnvironmentWithoutFletTakesTheOneThatIsActive(self):
        for file in self.package.parent.glob("flet.pth"):
            file.unlink()
        steps = self.box.write("steps.txt", STEPS)
        for options, env in ((["--python", PYTHON], {}), ([], {"VIRTUAL_ENV": PYTHON.parents[1]})):
            self.told("-c", "from fletbridge.__main__ import command; command()", "run", "--ui", "headless", *options,
                      "--steps", steps, COUNTER, env=env)

    def testTheAcceleratorsAreThePackagesOwnAndOurClientIsTheProgramBesideOurs(self):
        out = self.told("-c", "import fletbridge.accelerate, fletbridge; print(fletbridge.accelerate.__file__); "
                              "print(fletbridge.FLET_VIEW_PATH)")
        accelerate, folder = out.splitlines()
        self.assertTrue(Path(accelerate).is_relative_to(self.package / "lib/fletbridge/python"), accelerate)
        self.assertTrue((Path(folder) / "flet").stat().st_mode & stat.S_IXUSR)
        steps = self.box.write("steps.txt", STEPS)
        run = self.box.launch([self.python, COUNTER], env={"FLET_VIEW_PATH": folder, "FLETBRIDGE_UI": "headless",
                                                           "FLETBRIDGE_STEPS": steps, "DISPLAY": ":77"})
        self.assertEqual(run.wait(30), 0, run.shown())


class ForCpp(E2E):
    def testAProjectFindsThePackageAndHostsAnAppWithTheLibraryAndWithoutIt(self):
        prefix = self.box.home / "moved"
        install(self.box.home / "first")
        (self.box.home / "first").rename(prefix)
        build = self.box.home / "build"
        env = self.box.environment()
        for words in (["cmake", "-S", ROOT / "examples/embed", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}"],
                      ["cmake", "--build", build]):
            done = subprocess.run(words, env=env, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        packages = subprocess.run([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True,
                                  capture_output=True, text=True).stdout.strip()
        library = subprocess.run([PYTHON, "-c", "import sysconfig as s; print(s.get_config_var('LIBDIR'), "
                                                "s.get_config_var('INSTSONAME'), sep='/')"], check=True,
                                 capture_output=True, text=True).stdout.strip()
        for name in ("embed", "embed_static"):
            run = self.box.launch([build / name, COUNTER, packages], env={"FLETBRIDGE_LIBPYTHON": library})
            self.assertEqual(run.wait(60), 0, run.shown())
            self.assertEqual(run.text[0].split(), ["0", "1", "2", "3"], run.shown())
        self.assertNotIn("libdart_bridge", subprocess.run(["objdump", "-p", build / "embed_static"], check=True,
                                                          capture_output=True, text=True).stdout)

    def testPkgConfigSaysTheSame(self):
        prefix = self.box.home / "prefix"
        install(prefix)
        env = self.box.environment(PKG_CONFIG_PATH=prefix / "lib/pkgconfig")
        source = self.box.write("main.cc", '#include <fletbridge/dart_bridge.h>\n#include <fletbridge/wire/value.h>\n'
                                           "int main() {\n"
                                           "  return dart_bridge_is_python_initialized() + static_cast<int>("
                                           "fletbridge::wire::Encode(fletbridge::wire::Value(7)).size()) - 1;\n}\n")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fletbridge-bridge", "fletbridge-wire"], env=env,
                               check=True, capture_output=True, text=True).stdout.split()
        program = self.box.home / "program"
        done = subprocess.run(["c++", "-std=c++20", source, "-o", program, *flags], env=env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        run = self.box.launch([program], env={"LD_LIBRARY_PATH": prefix / "lib"})
        self.assertEqual(run.wait(10), 0, run.shown())


if __name__ == "__main__":
    unittest.main()
