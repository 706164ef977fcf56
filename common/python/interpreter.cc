#include "common/python/interpreter.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <unistd.h>
#include <vector>

#include "common/base/cause.h"
#include "common/process/program.h"
#include "common/python/hosting.h"
#include "common/python/probe_memory.h"

namespace fletbridge {
namespace fs = std::filesystem;

namespace {

// Stands on PYTHONPATH where the shim will, to see whether it comes to be on sys.path.
constexpr const char* kMark = "/dev/null/fletbridge-shim";

// Written for any Python 3; finds Flet by its metadata folder, since importing it takes 400 ms.
constexpr const char* kProbe = R"py(
import sys
import os, sysconfig
extension_path, mark, place = sys.argv[1:]
found = [p for p in sys.path if p]
sys.path[:] = [p for p in found if p != mark]
folders = [place] * bool(place) + sys.path
var = sysconfig.get_config_var
lines = []
def library():
    names = [n for n in (var("INSTSONAME"), var("LDLIBRARY")) if n and ".so" in n]
    version = "%d.%d" % sys.version_info[:2]
    names += ["libpython%s.so.1.0" % version, "libpython%s.so" % version]
    for folder in (var("LIBDIR"), var("LIBPL"), os.path.join(sys.base_prefix, "lib")):
        for name in names:
            if folder and os.path.exists(os.path.join(folder, name)):
                return os.path.join(folder, name)
    return ""
def names(folder):
    try:
        return os.listdir(folder)
    except OSError:
        pass
    if os.path.isfile(folder):
        try:
            import zipfile
            with zipfile.ZipFile(folder) as archive:
                return {name.split("/")[0] for name in archive.namelist()}
        except Exception:
            pass
    return ()
def flet():
    for folder in folders:
        for name in names(folder):
            if name.startswith("flet-") and name.endswith(".dist-info"):
                return name[5:-10], os.path.join(folder, "flet")
    return "", ""
def shim():
    if sys.flags.ignore_environment or sys.flags.no_site:
        return "it is started with -E, -I or -S and loads no sitecustomize of ours"
    if mark not in found:
        return "what starts it drops PYTHONPATH; let it add to that instead"
    for folder in found[:found.index(mark)]:
        own = os.path.join(folder, "sitecustomize")
        if os.path.exists(own + ".py") or os.path.isdir(own):
            return "the sitecustomize in " + folder + " comes first on its PYTHONPATH"
    return ""
def extension():
    if sys.implementation.name != "cpython":
        return "it is " + sys.implementation.name + ", not CPython"
    if var("Py_GIL_DISABLED"):
        return "it is a free-threaded build"
    if shim():
        return shim()
    if not os.path.exists(extension_path):
        return "there is no " + extension_path + "; install fletbridge as a whole"
    try:
        import _imp
        from importlib.machinery import ModuleSpec
        _imp.create_dynamic(ModuleSpec("_fletbridge", None, origin=extension_path))
    except Exception as error:
        return " ".join(str(error).split())
    return ""
def digest():
    # A shell sets some for itself.
    own = ("_", "SHLVL", "PWD", "OLDPWD")
    text = repr(sorted((k, v) for k, v in os.environ.items() if k not in own))
    try:
        import _imp
        return _imp.source_hash(0, text.encode("utf-8", "surrogateescape")).hex()
    except Exception:
        return "?"
tell = lines.append
tell("implementation=" + sys.implementation.name)
tell("version=%d.%d.%d" % sys.version_info[:3])
tell("libpython=" + library())
tell("flet=%s\nflet_package=%s" % flet())
tell("prefix=" + sys.prefix)
tell("base_prefix=" + sys.base_prefix)
tell("soabi=%s" % var("SOABI"))
tell("debian=" + ("1" if os.path.exists("/etc/debian_version") and sys.base_prefix == "/usr" else ""))
tell("free_threaded=" + ("1" if var("Py_GIL_DISABLED") else ""))
tell("shim=" + shim())
tell("extension=" + extension())
tell("executable=" + (sys.executable or ""))
tell("pid=%d" % os.getpid())
# How it was started, to be compared with how it starts by its own name.
words = getattr(sys, "orig_argv", ["", "-c"])
tell("by options=%r" % (words[1:words.index("-c")],))
tell("by environment=" + digest())
tell("by sys.path=%r" % (found,))
tell("by folder=" + os.getcwd())
# What the answers above may change with: see probe_memory.h.
site = sys.modules.get("site")
folders = sys.path + [getattr(site, "USER_SITE", None), var("LIBDIR"), var("LIBPL")]
for folder in filter(None, folders):
    tell("depends=" + folder)
    try:
        for name in os.listdir(folder):
            if name.endswith(".pth") or name in ("sitecustomize.py", "usercustomize.py"):
                tell("depends=" + os.path.join(folder, name))
    except OSError:
        pass
tell("depends=" + os.path.join(sys.prefix, "pyvenv.cfg"))
tell("depends=" + extension_path)
text = "\n".join(lines) + "\n"
try:
    text = os.fsencode(text)
except UnicodeError:
    text = text.encode("utf-8", "replace")
sys.stdout.buffer.write(text)
)py";

bool IsExecutable(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

std::string OnPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (folder.empty()) folder = ".";
    if (const fs::path candidate = fs::path(folder) / name; IsExecutable(candidate))
      return candidate;
  }
  return {};
}

std::string InEnvironment(const fs::path& venv) {
  for (const char* name : {"python3", "python"}) {
    if (const fs::path candidate = venv / "bin" / name; IsExecutable(candidate)) return candidate;
  }
  return {};
}

std::string Absolute(const std::string& path) {
  std::error_code error;
  // Not canonical: the link in a virtual environment is what makes it one.
  return fs::absolute(path, error).lexically_normal();
}

}  // namespace

std::string Interpreter::Version() const {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(micro);
}

namespace {

constexpr auto kAnswerDeadline = std::chrono::seconds(20);
// It names each .pth file of the interpreter's folders, of which there may be thousands.
constexpr std::size_t kLongestAnswer = std::size_t{4} << 20;

Error NoInterpreter(const std::string& path) {
  return MakeError(Errc::kSetup,
                   path + " is not a working Python interpreter; name another one with --python");
}

// PYTHONPATH with the mark on it.
std::string MarkedPath() {
  const char* before = std::getenv("PYTHONPATH");
  return before != nullptr && *before != '\0' ? std::string(kMark) + ":" + before : kMark;
}

// What the interpreter prints when it is started so; an error also if it ends with one.
Result<std::string> Ask(const std::string& path, const std::vector<std::string>& words,
                        std::chrono::milliseconds deadline) {
  auto outcome =
      RunProgram({.path = path, .arguments = words, .environment = {{"PYTHONPATH", MarkedPath()}}},
                 deadline, kLongestAnswer);
  if (!outcome) {
    return MakeError(Errc::kSetup,
                     "cannot run the interpreter " + path + ": " +
                         CauseAndRemedy(outcome.error().value(), "name another one with --python"));
  }
  if (outcome->end == ProgramOutcome::End::kTooMuch) {
    return MakeError(Errc::kSetup, "the interpreter " + path + " answered with more than " +
                                       std::to_string(kLongestAnswer >> 20) +
                                       " MiB, which no Python does; name another one with "
                                       "--python");
  }
  if (outcome->end == ProgramOutcome::End::kTooLate) {
    std::ostringstream message;
    message << "the interpreter " << path << " did not answer within "
            << std::chrono::duration<double>(deadline).count()
            << " s; name another one with --python";
    return MakeError(Errc::kSetup, message.str());
  }
  if (outcome->code != 0) return NoInterpreter(path);
  std::string text = std::move(outcome->output);
  if (text.find("\npid=" + std::to_string(outcome->pid) + "\n") == std::string::npos)
    text += "is_child=1\n";
  return text;
}

std::vector<std::string> ProbeWords(const std::string& place) {
  return {"-c", kProbe, ExtensionPath(), kMark, place};
}

using Answer = std::map<std::string, std::string>;

Answer Read(const std::string& text) {
  Answer answer;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) answer[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return answer;
}

Result<Interpreter> Understand(const std::string& path, const std::string& text) {
  Answer answer = Read(text);
  Interpreter found;
  found.path = path;
  char dot = 0;
  std::istringstream(answer["version"]) >> found.major >> dot >> found.minor >> dot >> found.micro;
  if (found.major == 0) return NoInterpreter(path);
  found.libpython = answer["libpython"];
  found.flet_version = answer["flet"];
  found.flet_package = answer["flet_package"];
  found.prefix = answer["prefix"];
  found.base_prefix = answer["base_prefix"];
  found.soabi = answer["soabi"];
  found.executable = answer["executable"].empty() ? path : answer["executable"];
  found.free_threaded = !answer["free_threaded"].empty();
  found.shim_obstacle = answer["shim"];
  found.extension_obstacle = answer["extension"];
  // Such a script, not the app, would be told to end, and be hosted.
  if (found.shim_obstacle.empty() && !answer["is_child"].empty()) {
    found.shim_obstacle = "it starts Python as a process of its own; let it do so with exec";
    found.extension_obstacle = found.shim_obstacle;
  }
  found.detour = answer["detour"];
  if (answer["implementation"] != "cpython") {
    found.libpython.clear();
    found.libpython_hint =
        "it is " + answer["implementation"] + ", and only CPython can be embedded";
  } else if (found.libpython.empty()) {
    const std::string minor = "3." + std::to_string(found.minor);
    found.libpython_hint = answer["debian"].empty()
                               ? "use an interpreter built with --enable-shared"
                               : "apt install libpython" + minor;
  }
  return found;
}

}  // namespace

namespace {

// A script that stands in for an interpreter may do more than start it: asks the one that it has
// started as well, and says what differs.
std::string DetourOf(const Answer& answer, std::chrono::milliseconds deadline) {
  const auto value = [](const Answer& of, const std::string& name) {
    const auto found = of.find(name);
    return found == of.end() ? std::string() : found->second;
  };
  const std::string executable = value(answer, "executable");
  const Result<std::string> text = Ask(executable, ProbeWords({}), deadline);
  if (!text) return "it starts " + executable + ", which does not start by itself";
  const Answer direct = Read(*text);
  for (const char* name : {"options", "environment", "sys.path", "folder"}) {
    const std::string key = std::string("by ") + name;
    if (value(answer, key) != value(direct, key))
      return "it starts " + executable + " with " + name + " of its own";
  }
  for (const char* name : {"version", "prefix", "soabi", "executable"}) {
    if (value(answer, name) != value(direct, name))
      return "it starts " + executable + " in a way of its own";
  }
  return {};
}

// The whole answer, as it is remembered.
Result<std::string> AskAll(const std::string& path, const std::string& place,
                           std::chrono::milliseconds deadline) {
  Result<std::string> text = Ask(path, ProbeWords(place), deadline);
  if (!text) return text;
  const Answer answer = Read(*text);
  const auto executable = answer.find("executable");
  if (executable != answer.end() && !executable->second.empty() && executable->second != path)
    *text += "detour=" + DetourOf(answer, deadline) + "\n";
  return text;
}

// An archive has its list at its end, before a comment; it may begin with a line for the shell.
bool IsArchive(const std::string& path) {
  constexpr std::streamoff kLongestEnd = 22 + 65535;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(0, size - kLongestEnd));
  const std::string end{std::istreambuf_iterator<char>(in), {}};
  return in.is_open() && end.find("PK\x05\x06") != std::string::npos;
}

// The first entry of the app's sys.path, if it brings a Flet of its own there; empty if not.
std::string OwnFlet(const std::string& app) {
  std::error_code error;
  if (app.empty()) return {};
  if (fs::is_regular_file(app, error) && fs::path(app).extension() != ".py" && IsArchive(app))
    return Absolute(app);
  const fs::path folder =
      fs::is_directory(app, error) ? fs::path(app) : fs::path(app).parent_path();
  return fs::exists(folder / "flet" / "__init__.py", error)
             ? Absolute(folder.empty() ? "." : folder.string())
             : std::string();
}

}  // namespace

Result<Interpreter> ProbeInterpreter(const std::string& path) {
  return ProbeInterpreterWithin(path, kAnswerDeadline);
}

Result<Interpreter> ProbeInterpreterWithin(const std::string& path,
                                           std::chrono::milliseconds deadline) {
  const Result<std::string> text = AskAll(path, {}, deadline);
  if (!text) return text.error();
  return Understand(path, *text);
}

Result<std::string> AskInterpreter(const std::string& path, const std::string& code,
                                   const std::vector<std::string>& arguments,
                                   std::chrono::milliseconds deadline) {
  std::vector<std::string> words{"-c", code};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return Ask(path, words, deadline);
}

Result<Interpreter> RecallInterpreter(const std::string& path, const std::string& place) {
  const ProbeMemory memory = ProbeMemory::OfUser();
  const std::string question = std::string(kProbe) + ExtensionPath();
  const std::string own = OwnFlet(place);  // seldom: then nothing is remembered
  if (own.empty()) {
    if (const std::optional<std::string> known = memory.Recall(path, question))
      return Understand(path, *known);
  }
  const Result<std::string> text = AskAll(path, own, kAnswerDeadline);
  if (!text) return text.error();
  Result<Interpreter> found = Understand(path, *text);
  if (found && own.empty() && found->executable == path) memory.Keep(path, question, *text);
  return found;
}

std::vector<std::string> EnvironmentsOf(const std::string& app_dir) {
  const fs::path beside = Absolute(app_dir.empty() ? "." : app_dir);
  std::vector<std::string> venvs = {(beside / ".venv").string()};
  std::error_code error;
  for (fs::path at = beside; !fs::is_regular_file(at / "pyproject.toml", error);) {
    if (at == at.parent_path()) return {venvs.front()};  // in no project
    at = at.parent_path();
    venvs.push_back((at / ".venv").string());
  }
  return venvs;
}

std::string HowToInstall(const Interpreter& python, const std::string& requirement,
                         const std::string& app_dir) {
  std::error_code error;
  const fs::path library =
      fs::path(python.base_prefix) / "lib" / ("python3." + std::to_string(python.minor));
  if (python.prefix != python.base_prefix || !fs::exists(library / "EXTERNALLY-MANAGED", error))
    return python.path + " -m pip install " + requirement;
  const std::string venv = EnvironmentsOf(app_dir).back();
  return python.path + " -m venv " + venv + " && " + venv + "/bin/pip install " + requirement;
}

std::string WebObstacle(const Interpreter& python) {
  std::error_code error;
  if (WireGeneration(python.flet_version) == 0) {
    const fs::path fletd = fs::path(python.flet_package) / "bin" / "fletd";
    if (IsExecutable(fletd.string())) return {};
    return "its Flet has no broker at " + fletd.string() + "; run " +
           HowToInstall(python, "--force-reinstall flet==" + python.flet_version, ".");
  }
  if (fs::exists(fs::path(python.flet_package).parent_path() / "flet_web", error)) return {};
  return "its Flet is no web server without flet-web; run " +
         HowToInstall(python, "flet-web==" + python.flet_version, ".");
}

std::string BrokerlessObstacle(const Interpreter& python) {
  if (WireGeneration(python.flet_version) != 0) return {};
  return "Flet " + python.flet_version +
         " speaks with its client through its broker fletd alone; use --stage legacy, or Flet 0.4 "
         "or later";
}

Result<std::string> FindInterpreter(const std::string& asked, const std::string& app_dir) {
  std::error_code error;
  if (!asked.empty()) {
    if (fs::is_directory(asked, error)) {
      if (const std::string found = InEnvironment(asked); !found.empty()) return Absolute(found);
      return MakeError(
          Errc::kUsage,
          "no bin/python in " + asked + "; --python takes an interpreter or a virtual environment");
    }
    if (asked.find('/') == std::string::npos) {
      if (const std::string found = OnPath(asked); !found.empty()) return Absolute(found);
    }
    if (IsExecutable(asked)) return Absolute(asked);
    return MakeError(Errc::kUsage, "no interpreter at " + asked +
                                       "; --python takes an interpreter or a virtual environment");
  }
  if (const char* venv = std::getenv("VIRTUAL_ENV"); venv != nullptr && *venv != '\0') {
    if (const std::string found = InEnvironment(venv); !found.empty()) return Absolute(found);
  }
  for (const std::string& venv : EnvironmentsOf(app_dir)) {
    if (const std::string found = InEnvironment(venv); !found.empty()) return Absolute(found);
  }
  if (const std::string found = OnPath("python3"); !found.empty()) return Absolute(found);
  return MakeError(Errc::kSetup,
                   "no python3 on PATH; install Python 3.10 to 3.14 or name one with --python");
}

int WireGeneration(std::string_view version) {
  int major = 0;
  int minor = 0;
  const char* end = version.data() + version.size();
  const auto [dot, error] = std::from_chars(version.data(), end, major);
  if (error != std::errc{}) return -1;
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, minor);
  if (major >= 1 || minor >= 86) return 3;
  if (minor >= 70) return 2;
  if (minor >= 4) return 1;
  return minor == 1 ? 0 : -1;
}

bool IsNewerThanKnown(std::string_view version) {
  constexpr std::pair kKnown{1, 0};
  std::pair said{0, 0};
  const char* end = version.data() + version.size();
  const auto [dot, error] = std::from_chars(version.data(), end, said.first);
  if (error != std::errc{}) return false;
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, said.second);
  return said > kKnown;
}

}  // namespace fletbridge
