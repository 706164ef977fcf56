"""Reads the #include lines and the CMake files, and fails where the house is not built as it says.

The rules are those of ARCHITECTURE.md; an exception is one line here, with its reason.
    architecture_test.py [Test.test_name ...]
"""

import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# (from room, to room): reason. Everything else follows the arrows.
ARROW_EXCEPTIONS = {
    ("src/dart_bridge", "src/stage3"): "the drop-in library is stage 3's queue behind the C ABI",
}
# Headers that show a heavy library to other rooms: reason.
HEAVY_EXCEPTIONS: dict[str, str] = {
    "common/python/api.h": "it is CPython's own interface, only for sources that implement a Python module",
}

# What the event loop runs, where nothing may wait.
LOOP_ROOMS = {"common/app", "common/net", "common/process", "common/transport", "src/legacy", "src/packaged_app", "src/stage1",
              "src/stage2", "src/stage3", "src/ui/attach", "src/ui/headless", "src/ui/web"}
LOOP_FILES = {"common/base/event_loop.cc", "src/host/life.cc", "src/host/session.cc", "src/host/reload/reloaded_app.cc",
              "src/recording/replay/replay_ui.cc", "src/recording/replay/script.cc", "src/recording/recording_filter.cc"}
# (file, call): reason.
WAITING_EXCEPTIONS = {
    ("common/app/socket_app.cc", "accept4"): "the listener does not wait, and what it gives is closed at once",
    ("common/process/last_resort.cc", "sleep_for"): "on a thread of its own, which does nothing else",
    ("common/process/program.cc", "waitpid"): "a child that SIGKILL has just ended, or that ends at once",
    ("common/process/run_program.cc", "poll"): "RunProgram() says that it waits, and is not for the loop",
}
# A call that may wait -> what keeps it from waiting.
WAITING = {
    "socket": r"\bSOCK_NONBLOCK\b", "accept4": r"\bSOCK_NONBLOCK\b", "accept": None,
    "poll": r",\s*0\s*$", "ppoll": None, "select": None, "pselect": None, "epoll_wait": r",\s*0\s*$",
    "flock": r"\bLOCK_NB\b", "wait": None, "waitpid": r"\bWNOHANG\b", "sigwait": None, "sigwaitinfo": None,
    "sleep": None, "usleep": None, "nanosleep": None, "sleep_for": None, "sleep_until": None, "system": None,
    "getaddrinfo": None, "lockf": None,
}
CALL = re.compile(r"(?<!\.)(?<!->)::(%s)\(" % "|".join(WAITING))

# What is of one system: only its folder of the platform room may name it.
OF_LINUX = re.compile(
    r"<sys/(?:eventfd|epoll|signalfd|inotify|prctl|timerfd)\.h>|<linux/|\bpidfd_open\b|\bSYS_pidfd\w*|\bmemfd_create\b"
    r"|\bSO_PEERCRED\b|\bsignalfd\(|\beventfd\(|\"/proc/")
# Room or file: reason.
LINUX_EXCEPTIONS = {
    "src/accelerate": "it stands alone, and has the same behind __linux__",
    "src/compare": "it measures processes and machines from outside, on Linux alone",
    "common/base/own_file.cc": "a path that a person may have given, by any system's name",
}

# The room that starts programs, and what nobody else may call: to fork, to start a program, to become one.
STARTING_ROOM = "common/process"
STARTS = re.compile(
    r"(?<![\w.>])(?:::|std::)?\b(?:v?fork|posix_spawnp?|exec(?:l|le|lp|v|ve|vp|vpe|veat)|fexecve|popen|system|forkpty)\("
    r"|::clone3?\(|\bSYS_(?:v?fork|clone3?|execve(?:at)?)\b|\bg_(?:spawn_|subprocess_)\w+|<boost/process[^>]*>|<spawn\.h>")

HEAVY = re.compile(r"<(boost/(asio|beast|process)\b|Python\.h|msgpack\b)[^>]*>")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|(<[^>]+>))', re.MULTILINE)
MEMBER = re.compile(r"^  (?!return)[A-Za-z_][\w:<>,&* ]* [a-z]\w*_(?: = [^;]*|\{[^;]*\})?;", re.MULTILINE)
# Which header of the standard library has what, of those that its other headers include in one version and not in the
# next.
STANDARD = {header: re.compile(pattern) for header, pattern in {
    "algorithm": r"\bstd::(?:ranges::)?(?:all_of|any_of|clamp|copy|count|count_if|equal|find|find_if|lower_bound|max|min|"
                 r"none_of|remove_if|replace|reverse|sort|upper_bound)\(",
    "array": r"\bstd::array\b",
    "atomic": r"\bstd::atomic\b",
    "chrono": r"\bstd::chrono\b",
    "cstdint": r"\bstd::u?int(?:(?:_fast|_least)?(?:8|16|32|64)|ptr|max)_t\b",
    "cstdio": r"\bstd::(?:FILE|fopen|fprintf|fputs|printf|snprintf)\b",
    "cstdlib": r"\bstd::(?:_Exit|abort|exit|getenv|strtol|strtoul)\b",
    "cstring": r"\bstd::(?:memchr|memcmp|memcpy|memmove|memset|strchr|strcmp|strerror|strlen)\b",
    "deque": r"\bstd::deque\b",
    "functional": r"\bstd::function\b",
    "limits": r"\bstd::numeric_limits\b",
    "map": r"\bstd::map\b",
    "memory": r"\bstd::(?:make_shared|make_unique|shared_ptr|unique_ptr|weak_ptr)\b",
    "mutex": r"\bstd::(?:lock_guard|mutex|unique_lock)\b",
    "optional": r"\bstd::optional\b",
    "set": r"\bstd::set\b",
    "span": r"\bstd::span\b",
    "sstream": r"\bstd::[io]?stringstream\b",
    "string": r"\bstd::string\b",
    "thread": r"\bstd::thread\b",
    "utility": r"\bstd::exchange\b",
    "variant": r"\bstd::variant\b",
    "vector": r"\bstd::vector\b",
}.items()}
CODE = {".h", ".cc"}


def room_of(path):
    """The room of a file, given relative to the root: `common/wire`, `src/ui/headless`, `tools`, ..."""
    parts = Path(path).parts
    if parts[0] in ("tools", "tests", "examples"):
        return parts[0]
    return "/".join(parts[: 3 if parts[:2] == ("src", "ui") else 2])


# What the host is given by tools/feature_list.cc, and does not know.
FEATURES = {"src/clients", "src/compare", "src/recording", "src/rollout"}


def level_of(room):
    """Rooms see rooms below them; on the same level only those of common/ see one another. A feature sees the host
    and common/, no stage and no UI."""
    if room == "tests":
        return 5
    if room in ("tools", "examples"):
        return 4
    if room in FEATURES:
        return 3
    if room == "src/host":
        return 2
    return 1 if room.startswith("src/") else 0


class House:
    def __init__(self, root):
        self.root = root
        self.files = sorted(
            path.relative_to(root).as_posix()
            for top in ("common", "src", "tools", "tests")
            for path in (root / top).rglob("*")
            if path.suffix in CODE
        )
        self.includes = {name: self._includes(name) for name in self.files}

    def _includes(self, name):
        return [own or system for own, system in INCLUDE.findall(self.text(name))]

    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def own_includes(self, name):
        return [i for i in self.includes.get(name, []) if not i.startswith("<")]

    def unresolved(self):
        """Includes in quotes that do not name a file from the root."""
        known = set(self.files)
        return [f'{name}: "{i}" is not a path from the repository root'
                for name in self.files for i in self.own_includes(name) if i not in known]

    def arrows(self):
        """Every (including file, included file) whose rooms differ."""
        known = set(self.files)
        return [(name, i) for name in self.files for i in self.own_includes(name)
                if i in known and room_of(name) != room_of(i)]

    def wrong_arrows(self):
        wrong = []
        for name, included in self.arrows():
            here, there = room_of(name), room_of(included)
            down = level_of(here) > level_of(there) and not (here in FEATURES and level_of(there) == 1)
            both_common = level_of(here) == level_of(there) == 0
            if not (down or both_common or (here, there) in ARROW_EXCEPTIONS):
                wrong.append(f"{name} includes {included}: {here} must not see {there}")
        return wrong

    def circles(self):
        """Rooms that see one another, directly or by way of others."""
        sees = {}
        for name, included in self.arrows():
            sees.setdefault(room_of(name), set()).add(room_of(included))

        def reachable(start):
            seen, todo = set(), list(sees.get(start, ()))
            while todo:
                room = todo.pop()
                if room not in seen:
                    seen.add(room)
                    todo.extend(sees.get(room, ()))
            return seen

        return [f"{room} sees itself by way of other rooms" for room in sorted(sees)
                if room in reachable(room)]

    def heavy_headers(self):
        """Headers that other rooms include and that bring in a library those need not know."""
        wrong = set()
        for name, included in self.arrows():
            if room_of(name) == "tests":
                continue  # a room's own tests may look behind its door
            seen, todo = set(), [included]
            while todo:
                header = todo.pop()
                if header in seen or header in HEAVY_EXCEPTIONS:
                    continue
                seen.add(header)
                todo.extend(self.own_includes(header))
                for system in self.includes.get(header, []):
                    if HEAVY.fullmatch(system):
                        wrong.add(f"{header} includes {system} and reaches {room_of(name)} "
                                  f"by {included}")
        return sorted(wrong)

    def waiting_calls(self):
        """(file, call, text) of each call in the event loop's rooms that may wait. A connect() does not, on
        a socket that was made so."""
        found = []
        for name in self.files:
            if room_of(name) not in LOOP_ROOMS and name not in LOOP_FILES:
                continue
            code = re.sub(r"//[^\n]*", "", self.text(name))
            for match in CALL.finditer(code):
                depth, at = 1, match.end()
                while depth and at < len(code):
                    depth += {"(": 1, ")": -1}.get(code[at], 0)
                    at += 1
                guard, inside = WAITING[match[1]], code[match.end():at - 1]
                if guard is None or not re.search(guard, inside):
                    found.append((name, match[1], " ".join(code[match.start():at].split())))
        return found

    def starts(self):
        """(file, what) of each way to start a program that is not the one of the room for it."""
        found = []
        for name in self.files:
            if room_of(name) in ("tests", STARTING_ROOM):
                continue
            code = re.sub(r"//[^\n]*", "", self.text(name))
            # Python's text in ours starts what it likes.
            code = re.sub(r'R"(\w*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"', '""', code, flags=re.DOTALL)
            found += [(name, match[0]) for match in STARTS.finditer(code)]
        return found

    def of_linux(self):
        """(file, what) of each thing of Linux outside of its place."""
        return [(name, match[0]) for name in self.files
                if room_of(name) != "tests" and not name.startswith("common/platform/linux/")
                for match in OF_LINUX.finditer(re.sub(r"//[^\n]*", "", self.text(name)))]

    def wrong_systems(self):
        """Includes of a system's folder from outside of it."""
        return [f"{name} includes {i}: ask for it by a header of common/platform" for name in self.files
                if room_of(name) != "tests" for i in self.own_includes(name)
                if i.count("/") > 2 and i.startswith("common/platform/") and Path(i).parent != Path(name).parent]

    def unlike_accelerators(self):
        """What ties the accelerators, which run in any Python that runs Flet, to the rest of us or to a system."""
        room = "src/accelerate"
        wrong = [f"{a} includes {b}: {room} stands alone" for a, b in self.arrows()
                 if room in (room_of(a), room_of(b)) and room_of(a) != "tests"]
        for name in self.files:
            if room_of(name) == room and "__linux__" not in self.text(name):
                wrong += [f"{name} includes {i}, which is of one system" for i in self.includes[name]
                          if re.match(r"<(unistd|fcntl|dlfcn|sys/|linux/|boost/)", i)]
        for path in sorted((self.root / "python/fletbridge/accelerate").rglob("*.py")):
            for word in re.findall(r"\b(?:_fletbridge|_fletbridge_ffi|sitecustomize|dart_bridge)\b", path.read_text(encoding="utf-8")):
                wrong.append(f"{path.relative_to(self.root)} speaks of {word}: the package needs no host")
        return wrong

    def without_threads(self):
        """Headers of classes with members of their own that do not say which threads may call them."""
        return [name for name in self.files
                if name.endswith(".h") and room_of(name) != "tests" and MEMBER.search(self.text(name))
                and not re.search(r"(?i)\bthreads?\b", self.text(name))]

    def missing_standard_headers(self):
        """Names of the standard library whose header neither the file nor one of ours that it includes has."""
        wrong = []
        for name in self.files:
            seen, todo = set(), [name]
            while todo:
                header = todo.pop()
                if header not in seen:
                    seen.add(header)
                    todo.extend(self.own_includes(header))
            there = {i.strip("<>") for header in seen for i in self.includes.get(header, []) if i.startswith("<")}
            code = re.sub(r"//[^\n]*", "", self.text(name))
            wrong += [f"{name} needs <{header}>" for header, names in STANDARD.items()
                      if header not in there and names.search(code)]
        return wrong

    def unbuilt(self):
        """Rooms without a target, and sources that no CMakeLists.txt names."""
        wrong = []
        for room in sorted({room_of(name) for name in self.files}):
            if room == "tests":
                continue
            lists = self.root / room / "CMakeLists.txt"
            made = lists.is_file() and re.search(
                r"^\s*(fletbridge_room|add_library|add_executable)\(", lists.read_text(), re.MULTILINE)
            if not made:
                wrong.append(f"{room}/CMakeLists.txt makes no target")
            if room == "tools":
                continue
            parent = self.root / Path(room).parent / "CMakeLists.txt"
            entered = rf"^\s*add_subdirectory\({Path(room).name}\)"
            if not (parent.is_file() and re.search(entered, parent.read_text(), re.MULTILINE)):
                wrong.append(f"{room}: {Path(room).parent}/CMakeLists.txt does not enter it")
        for name in self.files:
            if name.endswith(".cc") and not self._is_named(name):
                wrong.append(f"{name} is in no CMakeLists.txt, so nothing builds it")
        return wrong

    def _is_named(self, name):
        folder = Path(name).parent
        for at in (folder, *folder.parents):
            lists = self.root / at / "CMakeLists.txt"
            if lists.is_file():
                words = set(re.split(r"[\s()\"]+", re.sub(r"#.*", "", lists.read_text())))
                if Path(name).relative_to(at).as_posix() in words:
                    return True
        return False


class Architecture(unittest.TestCase):
    house = House(ROOT)

    def expect_none(self, wrong):
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_there_is_something_to_read(self):
        self.assertIn("common/transport/app_host.h", self.house.files)
        self.assertTrue(self.house.arrows())

    def test_includes_are_spelled_from_the_root(self):
        self.expect_none(self.house.unresolved())

    def test_no_arrow_points_up_or_between_stages_and_uis(self):
        self.expect_none(self.house.wrong_arrows())

    def test_the_accelerators_stand_alone(self):
        self.expect_none(self.house.unlike_accelerators())

    def test_no_rooms_see_one_another(self):
        self.expect_none(self.house.circles())

    def test_heavy_libraries_stay_in_their_rooms(self):
        self.expect_none(self.house.heavy_headers())

    def test_nothing_waits_on_the_event_loop(self):
        self.expect_none([f"{name}: {text} may wait" for name, call, text in self.house.waiting_calls()
                          if (name, call) not in WAITING_EXCEPTIONS])

    def test_programs_are_started_in_one_way(self):
        self.expect_none([f"{name}: {what} starts a program: use common/process/program.h"
                          for name, what in self.house.starts()])

    def test_what_is_of_linux_is_in_the_platform_room(self):
        self.expect_none([f"{name} names {what}, which is of Linux: put it into common/platform"
                          for name, what in self.house.of_linux()
                          if name not in LINUX_EXCEPTIONS and room_of(name) not in LINUX_EXCEPTIONS])

    def test_no_room_knows_which_system_it_is(self):
        self.expect_none(self.house.wrong_systems())

    def test_the_platform_room_is_the_lowest(self):
        self.expect_none([f"{a} includes {b}" for a, b in self.house.arrows() if room_of(a) == "common/platform"])

    def test_every_header_of_something_with_a_state_says_its_threads(self):
        self.expect_none(self.house.without_threads())

    def test_the_standard_librarys_headers_are_included_where_they_are_needed(self):
        self.expect_none(self.house.missing_standard_headers())

    def test_every_room_and_source_is_built(self):
        self.expect_none(self.house.unbuilt())

    def test_every_exception_is_still_needed(self):
        rooms = {(room_of(a), room_of(b)) for a, b in self.house.arrows()}
        gone = [f"{a} -> {b}" for a, b in ARROW_EXCEPTIONS
                if (ROOT / a).is_dir() and (a, b) not in rooms]
        gone += [name for name in HEAVY_EXCEPTIONS if name not in self.house.files]
        linux = {key for name, _ in self.house.of_linux() for key in (name, room_of(name))}
        gone += [key for key in LINUX_EXCEPTIONS if key not in linux]
        waiting = {(name, call) for name, call, _ in self.house.waiting_calls()}
        gone += [f"{name}: {call}" for name, call in WAITING_EXCEPTIONS if (name, call) not in waiting]
        gone += [room for room in sorted(LOOP_ROOMS) if room not in map(room_of, self.house.files)]
        gone += sorted(LOOP_FILES - set(self.house.files))
        self.expect_none(gone)


class Reader(unittest.TestCase):
    """That the rules bite: each on a small house that breaks it."""

    def house(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            path = Path(folder.name) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return House(Path(folder.name))

    def test_finds_arrows_between_stages_and_upwards(self):
        house = self.house({
            "src/stage1/a.h": "",
            "src/stage2/b.cc": '#include "src/stage1/a.h"\n',
            "src/ui/headless/c.cc": '#  include "src/stage1/a.h"\n',
            "src/ui/attach/d.h": "",
            "src/ui/headless/e.cc": '#include "src/ui/attach/d.h"\n',
            "common/wire/f.cc": '#include "src/ui/attach/d.h"\n',
            "src/host/good.cc": '#include "src/stage1/a.h"\n#include "src/ui/attach/d.h"\n',
        })
        self.assertEqual(len(house.wrong_arrows()), 4, house.wrong_arrows())

    def test_finds_what_ties_the_accelerators(self):
        house = self.house({
            "common/base/log.h": "", "src/accelerate/a.cc": '#include "common/base/log.h"\n#include <sys/mman.h>\n',
            "src/host/b.cc": '#include "src/accelerate/a.h"\n', "src/accelerate/a.h": "#include <Python.h>\n",
            "python/fletbridge/accelerate/c.py": "import _fletbridge\n",
        })
        self.assertEqual(len(house.unlike_accelerators()), 4, house.unlike_accelerators())

    def test_finds_circles_in_common(self):
        house = self.house({
            "common/a/a.h": '#include "common/b/b.h"\n',
            "common/b/b.h": '#include "common/c/c.h"\n',
            "common/c/c.h": '#include "common/a/a.h"\n',
        })
        self.assertEqual(len(house.circles()), 3)

    def test_finds_a_heavy_library_behind_another_header(self):
        house = self.house({
            "common/net/inner.h": "#include <boost/asio/io_context.hpp>\n",
            "common/net/outer.h": '#include "common/net/inner.h"\n',
            "src/stage1/a.cc": '#include "common/net/outer.h"\n',
            "common/net/own.cc": '#include "common/net/inner.h"\n',
        })
        self.assertEqual(len(house.heavy_headers()), 1, house.heavy_headers())

    def test_finds_a_call_that_waits_on_the_event_loop(self):
        house = self.house({
            "common/net/a.cc": "::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);\n"
                               "::socket(AF_INET,\n         SOCK_STREAM | SOCK_NONBLOCK, f(0));\n"
                               "// ::sleep(1);\n",
            "common/net/b.cc": "::poll(&one, 1, 0); ::poll(&one, 1, Left(0));\n",
            "src/ui/attach/c.cc": "std::this_thread::sleep_for(1ms); timer.wait(); ::waitpid(pid, &s, WNOHANG);\n",
            "src/host/run.cc": "::sleep(1);\n",
        })
        self.assertEqual([call for _, call, _ in house.waiting_calls()], ["socket", "poll", "sleep_for"])

    def test_finds_a_second_way_to_start_a_program(self):
        house = self.house({
            "common/process/program.cc": "::fork(); ::execve(path, words, all);\n",
            "tests/unit/a.cc": "::fork();\n",
            "src/host/a.cc": "const pid_t pid = ::fork();\nif (pid == 0) execvp(file, words);\n// ::fork()\n",
            "src/clients/b.cc": "#include <boost/process/v2/process.hpp>\nstd::system(line); g_spawn_async(0);\n",
            "common/net/c.cc": 'Log("fork()"); const char* text = R"py(os.fork())py"; app.system(1); fork_handler(); a->fork();\n',
        })
        self.assertEqual([what for _, what in house.starts()],
                         ["<boost/process/v2/process.hpp>", "std::system(", "g_spawn_async", "::fork(", "execvp("])

    def test_finds_what_is_of_linux_outside_of_its_folder(self):
        house = self.house({
            "common/net/a.cc": '#include <sys/epoll.h>\n#include "common/platform/linux/b.h"\n// "/proc/self" is no use\n',
            "common/platform/linux/b.h": "#include <sys/eventfd.h>\n",
            "common/platform/posix/c.cc": 'int fd = ::open("/proc/self/stat", 0);\n',
            "src/host/d.cc": "::memfd_create(name, 0); ::syscall(SYS_pidfd_open, pid, 0);\n",
        })
        self.assertEqual([what for _, what in house.of_linux()],
                         ["<sys/epoll.h>", '"/proc/', "memfd_create", "SYS_pidfd_open"])
        self.assertEqual(len(house.wrong_systems()), 1)

    def test_finds_a_state_whose_threads_are_not_said(self):
        member = "class A {\n private:\n  const std::map<int, B*> b_;\n};\n"
        house = self.house({"src/host/a.h": member, "src/host/b.h": "// Threads: any.\n" + member, "src/host/c.h": "struct C {};\n"})
        self.assertEqual(house.without_threads(), ["src/host/a.h"])

    def test_finds_a_header_of_the_standard_library_that_comes_by_chance(self):
        house = self.house({
            "src/host/a.h": "#include <cstdint>\n",
            "src/host/a.cc": '#include "src/host/a.h"\n#include <vector>\nstd::uint32_t a; std::vector<int> b; // std::map\n',
            "src/host/b.cc": "#include <string>\nstd::uint8_t a; std::string b = std::min(c, d);\n",
        })
        self.assertEqual(house.missing_standard_headers(), ["src/host/b.cc needs <algorithm>", "src/host/b.cc needs <cstdint>"])

    def test_finds_what_is_not_built(self):
        house = self.house({
            "src/CMakeLists.txt": "add_subdirectory(stage1)\n",
            "src/stage1/CMakeLists.txt": "fletbridge_room(stage1\n  SOURCES a.cc)  # not b.cc\n",
            "src/stage1/a.cc": "",
            "src/stage1/b.cc": "",
            "src/stage2/c.cc": "",
        })
        self.assertEqual(house.unbuilt(), [
            "src/stage2/CMakeLists.txt makes no target",
            "src/stage2: src/CMakeLists.txt does not enter it",
            "src/stage1/b.cc is in no CMakeLists.txt, so nothing builds it",
            "src/stage2/c.cc is in no CMakeLists.txt, so nothing builds it",
        ])

    def test_finds_an_include_that_is_not_from_the_root(self):
        house = self.house({"src/stage1/a.h": "", "src/stage1/a.cc": '#include "a.h"\n'})
        self.assertEqual(len(house.unresolved()), 1)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
