#include "common/python/interpreter.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <unistd.h>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/stdio.hpp>

#include "common/base/cause.h"
#include "common/python/hosting.h"
#include "common/python/probe_memory.h"

namespace fletbridge {
namespace asio = boost::asio;
namespace process = boost::process::v2;
namespace fs = std::filesystem;

namespace {

// Written for any Python 3; finds Flet by its metadata folder, since importing it takes 400 ms.
constexpr const char* kProbe = R"py(
import sys
sys.path[:] = [p for p in sys.path if p]
import os, sysconfig
var = sysconfig.get_config_var
def library():
    names = [n for n in (var("INSTSONAME"), var("LDLIBRARY")) if n and ".so" in n]
    version = "%d.%d" % sys.version_info[:2]
    names += ["libpython%s.so.1.0" % version, "libpython%s.so" % version]
    for folder in (var("LIBDIR"), var("LIBPL"), os.path.join(sys.base_prefix, "lib")):
        for name in names:
            if folder and os.path.exists(os.path.join(folder, name)):
                return os.path.join(folder, name)
    return ""
def flet():
    for folder in sys.path:
        try:
            for name in os.listdir(folder):
                if name.startswith("flet-") and name.endswith(".dist-info"):
                    return name[5:-10], os.path.join(folder, "flet")
        except OSError:
            pass
    return "", ""
def extension(path):
    if sys.implementation.name != "cpython":
        return "it is " + sys.implementation.name + ", not CPython"
    if var("Py_GIL_DISABLED"):
        return "it is a free-threaded build"
    if sys.flags.ignore_environment or sys.flags.no_site:
        return "it is started with -E, -I or -S and loads no sitecustomize of ours"
    if not os.path.exists(path):
        return "there is no " + path + "; install fletbridge as a whole"
    try:
        import _imp
        from importlib.machinery import ModuleSpec
        _imp.create_dynamic(ModuleSpec("_fletbridge", None, origin=path))
    except Exception as error:
        return " ".join(str(error).split())
    return ""
print("implementation=" + sys.implementation.name)
print("version=%d.%d.%d" % sys.version_info[:3])
print("libpython=" + library())
print("flet=%s\nflet_package=%s" % flet())
print("prefix=" + sys.prefix)
print("base_prefix=" + sys.base_prefix)
print("soabi=%s" % var("SOABI"))
print("debian=" + ("1" if os.path.exists("/etc/debian_version") and sys.base_prefix == "/usr" else ""))
print("shim=" + ("" if sys.flags.ignore_environment or sys.flags.no_site else "1"))
print("extension=" + extension(sys.argv[1]))
# What the answers above may change with: see probe_memory.h.
site = sys.modules.get("site")
folders = sys.path + [getattr(site, "USER_SITE", None), var("LIBDIR"), var("LIBPL")]
for folder in filter(None, folders):
    print("depends=" + folder)
    try:
        for name in os.listdir(folder):
            if name.endswith(".pth") or name in ("sitecustomize.py", "usercustomize.py"):
                print("depends=" + os.path.join(folder, name))
    except OSError:
        pass
print("depends=" + os.path.join(sys.prefix, "pyvenv.cfg"))
print("depends=" + sys.argv[1])
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

Error NoInterpreter(const std::string& path) {
  return MakeError(Errc::kSetup,
                   path + " is not a working Python interpreter; name another one with --python");
}

// What the interpreter answers to kProbe; an error also if it ends with one.
Result<std::string> Ask(const std::string& path, std::chrono::milliseconds deadline) try {
  asio::io_context io;
  asio::readable_pipe out(io);
  std::string text;
  process::error_code start_error;
  process::posix::default_launcher launcher;
  auto child =
      launcher(io.get_executor(), start_error, process::filesystem::path(path),
               std::vector<std::string>{"-c", kProbe, ExtensionPath()},
               process::process_stdio{nullptr, out,
                                      nullptr});  // gone with this line: its copy of the pipe's end
  if (start_error) {
    return MakeError(Errc::kSetup,
                     "cannot run the interpreter " + path + ": " +
                         CauseAndRemedy(start_error.value(), "name another one with --python"));
  }
  bool late = false;
  int code = -1;
  asio::steady_timer timer(io, deadline);
  timer.async_wait([&](boost::system::error_code error) {
    if (error) return;
    late = true;
    out.close();
    boost::system::error_code ignored;
    child.terminate(ignored);
  });
  asio::async_read(out, asio::dynamic_buffer(text, 64 * 1024),
                   [&](boost::system::error_code, std::size_t) {
                     if (late) return;
                     // It may close its output long before it ends.
                     child.async_wait([&](boost::system::error_code, int status) {
                       code = status;
                       timer.cancel();
                     });
                   });
  io.run();
  if (late) {
    std::ostringstream message;
    message << "the interpreter " << path << " did not answer within "
            << std::chrono::duration<double>(deadline).count()
            << " s; name another one with --python";
    return MakeError(Errc::kSetup, message.str());
  }
  if (code != 0) return NoInterpreter(path);
  return text;
} catch (const std::exception& error) {
  return MakeError(Errc::kSetup, "cannot run the interpreter " + path + ": " + error.what());
}

Result<Interpreter> Understand(const std::string& path, const std::string& text) {
  std::map<std::string, std::string> answer;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) answer[line.substr(0, equals)] = line.substr(equals + 1);
  }
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
  found.loads_shim = !answer["shim"].empty();
  found.extension_obstacle = answer["extension"];
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

Result<Interpreter> ProbeInterpreter(const std::string& path) {
  return ProbeInterpreterWithin(path, kAnswerDeadline);
}

Result<Interpreter> ProbeInterpreterWithin(const std::string& path,
                                           std::chrono::milliseconds deadline) {
  const Result<std::string> text = Ask(path, deadline);
  if (!text) return text.error();
  return Understand(path, *text);
}

Result<Interpreter> RecallInterpreter(const std::string& path) {
  const ProbeMemory memory = ProbeMemory::OfUser();
  const std::string question = std::string(kProbe) + ExtensionPath();
  if (const std::optional<std::string> known = memory.Recall(path, question))
    return Understand(path, *known);
  const Result<std::string> text = Ask(path, kAnswerDeadline);
  if (!text) return text.error();
  Result<Interpreter> found = Understand(path, *text);
  if (found) memory.Keep(path, question, *text);
  return found;
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
  if (const std::string found = InEnvironment(fs::path(app_dir.empty() ? "." : app_dir) / ".venv");
      !found.empty()) {
    return Absolute(found);
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
  if (error != std::errc{}) return 0;
  if (dot != end && *dot == '.') std::from_chars(dot + 1, end, minor);
  if (major >= 1 || minor >= 86) return 3;
  if (minor >= 70) return 2;
  return minor >= 4 ? 1 : 0;
}

}  // namespace fletbridge
