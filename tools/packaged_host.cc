// Room: tools. Runs a Flet app on a libdart_bridge.so under the headless UI, as `fletbridge run
// --ui headless` runs it on a stage; for `fletbridge compare` and tests/bench.
#include <cstdio>
#include <filesystem>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "common/base/log.h"
#include "common/process/surroundings.h"
#include "common/python/interpreter.h"
#include "src/host/factory.h"
#include "src/host/launch.h"
#include "src/packaged_app/bridge_transport.h"

namespace fletbridge {
namespace {

struct Options {
  std::string library, python, python_home, script, steps, report, label;
  bool debug = false;
};

int RunApp(const Options& options) {
  static Timeline timeline;
  static const Features none;
  // Not asked at each start: a packaged app knows its own, and is measured here.
  Result<Interpreter> python = RecallInterpreter(options.python);
  if (!python) return Fail(python.error());

  const RunRequest request;
  Launch launch(request, {}, *python, none, timeline);
  launch.request.stage = options.label;
  launch.request.transport = "ffi";
  launch.request.ui = "headless";
  launch.request.hosting.clear();
  launch.request.accelerators.clear();
  launch.request.script = options.script;
  launch.request.steps_file = options.steps;
  launch.request.report_file = options.report;
  launch.request.start_deadline = 0;
  launch.request.end_deadline = 0;
  launch.plan.stage = options.label;
  launch.plan.transport = "ffi";
  launch.plan.shown_by = "headless";
  launch.generation = static_cast<Generation>(WireGeneration(python->flet_version));
  if (Result<> read = ReadSteps(launch.request); !read) return Fail(read.error());
  launch.make_app = [&options, &python](EventLoop& loop, Accelerators*) {
    BridgeSpec spec;
    spec.library = options.library;
    spec.libpython = python->libpython;
    spec.python_home = options.python_home;
    std::error_code error;
    const std::filesystem::path script = options.script;
    spec.module_paths = {
        std::filesystem::is_directory(script, error) ? script : script.parent_path(),
        std::filesystem::path(python->flet_package).parent_path()};
    spec.script = options.script;
    return MakeBridgeTransport(loop, std::move(spec));
  };
  return Run(std::move(launch));
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
