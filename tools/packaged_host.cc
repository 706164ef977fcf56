// Room: tools. Runs a Flet app on a libdart_bridge.so under the headless UI, as `fletbridge run
// --ui headless` runs it on a stage; for `fletbridge compare` and tests/bench.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "common/base/log.h"
#include "common/config/version.h"
#include "common/process/surroundings.h"
#include "common/python/interpreter.h"
#include "src/host/session.h"
#include "src/packaged/bridge_transport.h"
#include "src/ui/headless/headless_ui.h"

namespace fletbridge {
namespace {

struct Options {
  std::string library, python, python_home, script, steps, report, label;
  bool debug = false;
};

int Fail(const Error& error) {
  Log(LogLevel::kError, error.Line());
  return 70;
}

int RunApp(const Options& options) {
  static Timeline timeline;
  auto loop = std::make_unique<EventLoop>();
  // Not asked at each start: a packaged app knows its own, and is measured here.
  Result<Interpreter> python = RecallInterpreter(options.python);
  if (!python) return Fail(python.error());

  HeadlessOptions headless;
  headless.flet_package = python->flet_package;
  std::error_code error;
  if (std::filesystem::is_socket(options.steps, error)) {
    headless.live_steps = options.steps;
  } else if (!options.steps.empty()) {
    std::ifstream in(options.steps);
    Result<Steps> steps = ParseSteps(std::string{std::istreambuf_iterator<char>(in), {}});
    if (!steps) return Fail(steps.error());
    headless.steps = std::move(*steps);
  }

  BridgeSpec spec;
  spec.library = options.library;
  spec.libpython = python->libpython;
  spec.python_home = options.python_home;
  const std::filesystem::path script = options.script;
  spec.module_paths = {std::filesystem::is_directory(script, error) ? script : script.parent_path(),
                       std::filesystem::path(python->flet_package).parent_path()};
  spec.script = options.script;
  Result<std::unique_ptr<AppTransport>> app = MakeBridgeTransport(*loop, std::move(spec));
  if (!app) return Fail(app.error());

  SessionParts parts;
  parts.report.version = Version();
  parts.report.app = options.script;
  parts.report.flet = python->flet_version;
  parts.report.generation = WireGeneration(python->flet_version);
  parts.report.python = python->Version();
  parts.report.requested = {options.label, "ffi", "headless"};
  parts.report.used.stage = options.label;
  parts.report.used.transport = "ffi";
  parts.report.used.ui = "headless";
  parts.report.used.mode = "relayed";
  parts.report_file = options.report;
  parts.timeline = &timeline;
  parts.app = std::move(*app);
  parts.ui = std::make_unique<HeadlessUi>(*loop, std::move(headless));
  parts.loop = std::move(loop);
  return RunSession(std::move(parts));
}

}  // namespace
}  // namespace fletbridge

int main(int argc, char** argv) {
  fletbridge::SettleIn();
  fletbridge::IgnoreBrokenPipes();
  fletbridge::Options options;
  CLI::App cli("A Flet app on a bridge library, with the headless client");
  cli.add_option("--library", options.library, "libdart_bridge.so")->required();
  cli.add_option("--label", options.label, "what the report calls the stage")->required();
  cli.add_option("--python", options.python, "the app's interpreter")->required();
  cli.add_option("--python-home", options.python_home, "PYTHONHOME of the hosted Python")
      ->required();
  cli.add_option("--steps", options.steps,
                 "what the client does; without it the app runs until a signal");
  cli.add_option("--report", options.report, "where the report goes");
  cli.add_flag("--debug", options.debug, "say what happens");
  cli.add_option("app", options.script)->required();
  CLI11_PARSE(cli, argc, argv);
  // The app, which is in this process, may go to another folder before they are used.
  std::error_code error;
  for (std::string* path : {&options.script, &options.steps, &options.report}) {
    if (!path->empty()) *path = std::filesystem::absolute(*path, error).string();
  }
  if (options.debug) fletbridge::SetLogLevel(fletbridge::LogLevel::kDebug);
  const int code = fletbridge::RunApp(options);
  std::fflush(nullptr);
  fletbridge::FlushLog();
  ::_exit(code);  // as a Flutter app ends: Python's threads may still run
}
