// Before the first run, starting, environment, ends, exit codes: cases 1 to 28 and 62 to 65.
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "tests/dart_bridge/rig.h"

namespace fletbridge::bridge_test {
namespace {

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void NothingIsUp(Rig& rig) {
  Bridge& bridge = rig.bridge();
  Same("is_python_initialized", bridge.is_initialized(), 0);
  Same("enqueue", rig.Enqueue(kHandlerPort, "x"), -2);
  Same("request_stop", bridge.request_stop(), -1);
  Same("install_stdio_redirect", bridge.install_redirect(), -1);
}

void NothingToEnd(Rig& rig) {
  rig.Signal({{"protocol", 5}});
  rig.bridge().finalize();
  rig.bridge().clear_handlers();
  NothingIsUp(rig);
}

constexpr const char* kSayHowSendFails = "say(caught(bridge.send_bytes, 5, b'x'))\n";

void OtherMajorVersions(Rig& rig) {
  for (const int major : {3, 1}) {
    DartApi table = *rig.vm().table();
    table.major = major;
    Same("init", rig.bridge().init(&table), -1);
  }
  Same("run", rig.RunSync(kSayHowSendFails), 0);
  Require(rig.Hear().starts_with("RuntimeError: Dart API DL not initialized"), "it sends");
  Same("messages posted", static_cast<std::int64_t>(rig.vm().count()), 0);
}

void TableWithoutFunctions(Rig& rig) {
  const DartApiEntry none{nullptr, nullptr};
  DartApi table{2, 0, &none};
  Same("init", rig.bridge().init(&table), 0);
  Same("run", rig.RunSync(kSayHowSendFails), 0);
  Require(rig.Hear().starts_with("RuntimeError: Dart API DL not initialized"), "it sends");
}

int g_other_posts = 0;
bool CountPost(std::int64_t, DartCObject*) {
  ++g_other_posts;
  return true;
}

void SecondTable(Rig& rig) {
  rig.Init();
  const DartApiEntry entries[] = {{"Dart_PostCObject", reinterpret_cast<void (*)()>(&CountPost)},
                                  {nullptr, nullptr}};
  DartApi table{2, 6, entries};
  Same("init", rig.bridge().init(&table), 0);
  Same("run", rig.RunSync("say(bridge.send_bytes(5, b'x'))\n"), 0);
  rig.Expect("True");
  Same("posts by the second table", g_other_posts, 1);
  Same("posts by the first table", static_cast<std::int64_t>(rig.vm().count()), 0);
}

void RunNull(Rig& rig) { Same("run", rig.bridge().run(nullptr), -1); }

PyModuleDef g_extension = {PyModuleDef_HEAD_INIT,
                           "bridge_extension",
                           nullptr,
                           -1,
                           nullptr,
                           nullptr,
                           nullptr,
                           nullptr,
                           nullptr};
void* (*g_create_module)(PyModuleDef*, int) = nullptr;
void* InitExtension() { return g_create_module(&g_extension, PYTHON_ABI_VERSION); }

void* PythonSymbol(Rig& rig, const char* name) {
  if (void* found = rig.bridge().Symbol(name)) return found;
  // A library that opens libpython itself need not show its symbols.
  void* python = ::dlopen(BRIDGE_LIBPYTHON, RTLD_LAZY | RTLD_LOCAL);
  Require(python != nullptr, "no libpython");
  return ::dlsym(python, name);
}

void RegisterExtension(Rig& rig) {
  Bridge& bridge = rig.bridge();
  g_create_module =
      reinterpret_cast<decltype(g_create_module)>(PythonSymbol(rig, "PyModule_Create2"));
  Same("no name", bridge.register_extension(nullptr, &InitExtension), -1);
  Same("no function", bridge.register_extension("x", nullptr), -1);
  char name[] = "bridge_extension";
  Same("both", bridge.register_extension(name, &InitExtension), 0);
  std::memset(name, 'x', sizeof name - 1);
  Same("run", rig.RunSync("import bridge_extension\nsay(bridge_extension.__name__)\n"), 0);
  rig.Expect("bridge_extension");
  Same("run again", rig.RunSync("import bridge_extension\n"), 0);
}

void SyncScript(Rig& rig) {
  Start start;
  start.script = "x = 1";
  start.sync = true;
  Same("run", rig.Run(start), 0);
  NothingIsUp(rig);
}

void ScriptRaises(Rig& rig) {
  rig.Capture();
  Same("run", rig.RunSync("raise ValueError('out of tea')\n"), 1);
  const std::string text = rig.captured_stderr();
  Require(text.find("<sp_script>") != std::string::npos, "no <sp_script> on stderr");
  Require(text.find("ValueError: out of tea") != std::string::npos, "no traceback on stderr");
}

void SyntaxErrorInScript(Rig& rig) {
  rig.Capture();
  Same("run", rig.RunSync("def\n"), 1);
  Require(rig.captured_stderr().find("SyntaxError") != std::string::npos, "no SyntaxError");
}

// The process ends with the script's status.
void SystemExitSync(Rig& rig) {
  (void)rig.RunSync("raise SystemExit(3)\n");
  Require(false, "run has returned");
}

void SystemExitAsync(Rig& rig) {
  rig.Init();
  rig.vm().on_post = [](const Posted&) { ::_exit(1); };
  Start start;
  start.script = "import sys; sys.exit(4)";
  Same("run", rig.Run(start), 0);
  (void)rig.vm().Await(kExitPort);
  Require(false, "the process has not ended");
}

void MissingSources(Rig& rig) {
  rig.Capture();
  Start start;
  start.sync = true;
  start.mode = 0;
  start.app_path = rig.folder() + "/absent.py";
  Same("a missing file", rig.Run(start), 1);
  Require(rig.captured_stderr().find("cannot open") != std::string::npos, "nothing on stderr");
  start.app_path.reset();
  Same("no path", rig.Run(start), 1);
  start.mode = 7;
  Same("mode 7, no path", rig.Run(start), 1);
  start.mode = 1;
  Same("no source", rig.Run(start), 1);
}

void FileMode(Rig& rig) {
  const std::string path = rig.folder() + "/app.py";
  WriteFile(path, Rig::WithPrelude("say(sys.argv, __name__, '__file__' in globals())\n"));
  Start start;
  start.sync = true;
  start.mode = 0;
  start.app_path = path;
  start.program_name = "counter";
  Same("run", rig.Run(start), 0);
  rig.Expect("['counter'] __main__ False");
  start.program_name.reset();
  Same("run", rig.Run(start), 0);
  rig.Expect("['python'] __main__ False");
}

void ModulePaths(Rig& rig) {
  Start start;
  start.sync = true;
  start.script = Rig::WithPrelude("say(sys.path[:2])\n");
  start.module_paths = {"/aa", "/bb"};
  Same("run", rig.Run(start), 0);
  rig.Expect("['/aa', '/bb']");
}

// 1.4.1 writes paths and names into generated source, which a quote or a backslash breaks.
void AwkwardNames(Rig& rig) {
  rig.Capture();
  Start start;
  start.sync = true;
  start.script = Rig::WithPrelude("say(sys.path[0], sys.argv)\n");
  start.module_paths = {"/aa\\"};
  Same("a path that ends in a backslash", rig.Run(start), rig.newest() ? 0 : 1);
  if (rig.newest()) rig.Expect("/aa\\ ['python']");
  start.module_paths = {"/aa"};
  start.program_name = "a'''b";
  Same("a name with quotes", rig.Run(start), rig.newest() ? 0 : 1);
  if (rig.newest()) rig.Expect("/aa [\"a'''b\"]");
  if (!rig.newest()) return;
  start.program_name = std::string(5000, 'n');
  Same("a long name", rig.Run(start), 0);
  rig.Expect("/aa ['" + std::string(5000, 'n') + "']");
}

void PathsOnce(Rig& rig) {
  const std::string a = rig.folder() + "/a";
  const std::string b = rig.folder() + "/b";
  const std::string extra = rig.folder() + "/extra";
  for (const std::string& folder : {a, b, extra}) std::filesystem::create_directory(folder);
  WriteFile(a + "/more.pth", extra + "\n");
  ::setenv("PYTHONPATH", b.c_str(), 1);
  Start start;
  start.sync = true;
  start.module_paths = {a, b};
  start.script = Rig::WithPrelude("folder = '" + rig.folder() + "'\n" + R"(
say(sys.path[:2] == [folder + '/a', folder + '/b'], sys.path.count(folder + '/b'),
    sys.path.count(folder + '/extra'))
)");
  Same("run", rig.Run(start), 0);
  rig.Expect(rig.newest() ? "True 1 1" : "True 2 0");
}

void CompiledFile(Rig& rig) {
  const std::string source = rig.folder() + "/compiled.py";
  WriteFile(source, "x = 1\n");
  Same("compiling",
       rig.RunSync("import py_compile\npy_compile.compile('" + source + "', '" + source + "c')\n"),
       0);
  Start start;
  start.sync = true;
  start.mode = 0;
  start.app_path = source + "c";
  Same("run", rig.Run(start), 1);
}

void Environment(Rig& rig) {
  Start start;
  start.sync = true;
  start.script =
      Rig::WithPrelude("say([os.environ.get(key) for key in ('K1', 'K2', 'K3', 'K4')])\n");
  start.env_keys = {"K1", "K2", "K3"};
  start.env_values = {"v1", "v2"};
  Same("run", rig.Run(start), 0);
  rig.Expect("['v1', 'v2', None, None]");
  start.env_keys = {"K4"};
  start.env_values.reset();
  Same("run", rig.Run(start), 0);
  rig.Expect("['v1', 'v2', None, None]");
}

// 1.4.1 takes no notice of a setenv() that fails.
void ImpossibleVariable(Rig& rig) {
  rig.Capture();
  Start start;
  start.sync = true;
  start.script = Rig::WithPrelude("say('runs')\n");
  start.env_keys = {"A=B"};
  start.env_values = {"v"};
  Same("run", rig.Run(start), rig.newest() ? 1 : 0);
  if (!rig.newest()) return rig.Expect("runs");
  Same("run", rig.RunSync("say('next')\n"), 0);
  rig.Expect("next");
}

void AsyncRun(Rig& rig) {
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude("say('up')\ngate()\n");
  start.completion_port = 4242;
  Same("run", rig.Run(start), 0);
  rig.Expect("up");
  Same("is_python_initialized", rig.bridge().is_initialized(), 1);
  Same("messages posted", static_cast<std::int64_t>(rig.vm().count()), 0);
  rig.OpenGate();
  const Posted end = rig.vm().Await(4242);
  Require(end.type == kInt32, "it is no small integer");
  Same("the code", end.integer, 0);
  rig.AwaitEnded(4242);
  // Exactly one: another program's end comes after a second one of this would have.
  start.script = "x = 1";
  start.completion_port = 4243;
  Same("run", rig.Run(start), 0);
  rig.AwaitEnded(4243);
  Same("integers on the first port", static_cast<std::int64_t>(rig.vm().CountOn(4242)), 1);
}

void AsyncRaises(Rig& rig) {
  rig.Init();
  rig.Capture();
  Start start;
  start.script = "raise ValueError()";
  Same("run", rig.Run(start), 0);
  Same("the code", rig.vm().Await(kExitPort).integer, 1);
  rig.AwaitEnded();
}

void SyncPostsNothing(Rig& rig) {
  rig.Init();
  Start start;
  start.script = "x = 1";
  start.sync = true;
  Same("run", rig.Run(start), 0);
  Same("messages posted", static_cast<std::int64_t>(rig.vm().count()), 0);
}

void ConfigurationIsCopied(Rig& rig) {
  rig.Init();
  Start start;  // Run() overwrites every text of it when it returns
  start.script = Rig::WithPrelude("say(sys.argv, sys.path[0], os.environ['LONG'] == 'v' * 5000)\n");
  start.program_name = "named";
  start.module_paths = {"/aa"};
  start.env_keys = {"LONG"};
  start.env_values = {std::string(5000, 'v')};
  Same("run", rig.Run(start), 0);
  rig.Expect("['named'] /aa True");
  rig.AwaitEnded();
}

void TwoRuns(Rig& rig) {
  Same("run", rig.RunSync("left_over = 1\n"), 0);
  Same("run", rig.RunSync("say('left_over' in globals(), bridge.__name__)\n"), 0);
  rig.Expect("False dart_bridge");
}

void ThreadsAtTheEnd(Rig& rig) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point from = Clock::now();
  Same("run", rig.RunSync("threading.Thread(target=time.sleep, args=(0.5,)).start()\n"), 0);
  Require(Clock::now() - from >= std::chrono::milliseconds(500), "a thread was not waited for");
  const char* daemon = "threading.Thread(target=gate, daemon=True).start()\n";  // for ever
  Same("run", rig.RunSync(daemon), 0);
}

void AtExitSends(Rig& rig) {
  rig.Init();
  Same("run", rig.RunSync("import atexit\natexit.register(bridge.send_bytes, 5, b'bye')\n"), 0);
  Same("the last words", rig.vm().Await(5).bytes, "bye");
}

void ColdStart(Rig& rig) {
  rig.Init();
  Start start;
  start.script = Rig::WithPrelude(R"(
bridge.set_enqueue_handler_func(77, lambda data: say('handled'))
park()
)");
  std::vector<int> codes{rig.Enqueue(kHandlerPort, "early")};
  Same("run", rig.Run(start), 0);
  AwaitUntil("a handler", [&] {
    const int code = rig.Enqueue(kHandlerPort, "now");
    if (code != codes.back()) codes.push_back(code);
    return code == 0;
  });
  std::string text;
  for (const int code : codes) text += std::to_string(code) + " ";
  Require(text == "-2 -1 0 " || text == "-2 0 ", "codes: " + text);
  std::string heard = rig.Hear() + " " + rig.Hear();
  Require(heard == "handled parked" || heard == "parked handled", "the script says " + heard);
  rig.End();
}

// ---- What an app's main calls, and what ends a process

void MpInvocation(Rig& rig) {
  Need(rig.bridge().is_mp_invocation, "serious_python_is_mp_invocation");
  const auto is = [&](std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return rig.bridge().is_mp_invocation(static_cast<int>(words.size()), argv.data());
  };
  Same("no argv", rig.bridge().is_mp_invocation(3, nullptr), 0);
  Same("no arguments", is({"app"}), 0);
  Same("the fork flag", is({"app", "--multiprocessing-fork", "tracker_fd=5"}), 1);
  Same("the fork flag, later", is({"app", "-B", "-S", "--multiprocessing-fork"}), 1);
  Same("the fork flag as a name", is({"--multiprocessing-fork"}), 0);
  Same("the fork flag and more", is({"app", "--multiprocessing-fork=1"}), 0);
  Same("a spawned child", is({"app", "-c", "from multiprocessing.spawn import spawn_main"}), 1);
  Same("a tracker", is({"app", "-s", "-c", "from multiprocessing.resource_tracker import main"}),
       1);
  Same("a fork server",
       is({"app", "-c", "import sys; from multiprocessing.forkserver import main"}), 1);
  Same("another program", is({"app", "-c", "print(1)"}), 0);
  Same("a blank before", is({"app", "-c", " from multiprocessing.spawn import spawn_main"}), 0);
  Same("capitals", is({"app", "-c", "From multiprocessing.spawn import spawn_main"}), 0);
  Same("without -c", is({"app", "from multiprocessing.spawn import spawn_main"}), 0);
  Same("nothing after -c", is({"app", "-c"}), 0);
}

// Ends the process with 7 from inside, after 64 was returned.
void MainOfPython(Rig& rig) {
  Need(rig.bridge().main, "serious_python_main");
  rig.Capture();
  std::vector<std::string> words{"app", "-c", R"(
import dart_bridge, os, sys
ok = sys.argv == ['-c', 'more'] and 'PYTHONINSPECT' not in os.environ
try:
    dart_bridge.send_bytes(5, b'x')
    ok = False
except RuntimeError as error:
    ok = ok and str(error).startswith('Dart API DL not initialized')
sys.exit(7 if ok else 1)
)",
                                 "more"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Same("without a Python", rig.bridge().main(4, argv.data()), 64);
  Require(!rig.captured_stderr().empty(), "it does not say why");
  ::setenv("PYTHONPATH", rig.folder().c_str(), 1);
  ::setenv("PYTHONINSPECT", "1", 1);
  ::_exit(rig.bridge().main(4, argv.data()));
}

void HardExit(Rig& rig) {
  Need(rig.bridge().hard_exit, "serious_python_hard_exit");
  std::atexit([] { ::_exit(1); });
  rig.Park("park()\n");
  rig.bridge().hard_exit(5);
}

// Opened with local scope, libpython hides its symbols from extension modules, unless the bridge
// opens it once more for all.
void ExtensionModules(Rig& rig) {
  Same("run", rig.RunSync("say(caught(__import__, '_ctypes'))\n"), 0);
  const std::string got = rig.Hear();
  if (rig.original()) {
    Require(got.find("undefined symbol") != std::string::npos, "the script says " + got);
  } else {
    Require(got.starts_with("returned <module '_ctypes'"), "the script says " + got);
  }
}

}  // namespace

std::vector<Case> StartCases() {
  return {{"1", NothingIsUp},        {"2", NothingToEnd},
          {"3", OtherMajorVersions}, {"4", TableWithoutFunctions},
          {"5", SecondTable},        {"6", RunNull},
          {"7", RegisterExtension},  {"8", SyncScript},
          {"9", ScriptRaises},       {"10", SyntaxErrorInScript},
          {"11", SystemExitSync},    {"12", SystemExitAsync},
          {"13", MissingSources},    {"14", FileMode},
          {"15", ModulePaths},       {"16", AwkwardNames},
          {"17", PathsOnce},         {"18", CompiledFile},
          {"19", Environment},       {"20", ImpossibleVariable},
          {"21", AsyncRun},          {"22", AsyncRaises},
          {"23", SyncPostsNothing},  {"24", ConfigurationIsCopied},
          {"25", TwoRuns},           {"26", ThreadsAtTheEnd},
          {"27", AtExitSends},       {"28", ColdStart},
          {"62", MpInvocation},      {"63", MainOfPython},
          {"64", HardExit},          {"65", ExtensionModules}};
}

}  // namespace fletbridge::bridge_test
