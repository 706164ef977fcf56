#include "src/host/run.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/base/log.h"
#include "common/config/version.h"
#include "common/measure/stopwatch.h"
#include "common/python/interpreter.h"
#include "src/host/factory.h"
#include "src/host/session.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr int kUsageCode = 2;
constexpr int kFailureCode = 70;

int Fail(const Error& error) {
  Log(LogLevel::kError, error.Line());
  return error.code == Errc::kUsage ? kUsageCode : kFailureCode;
}

std::string AppFolder(const RunRequest& request) {
  if (request.script.empty()) return ".";
  const std::string folder = fs::path(request.script).parent_path();
  return folder.empty() ? "." : folder;
}

Result<Interpreter> ChooseInterpreter(const RunRequest& request) {
  Result<std::string> path = FindInterpreter(request.python, AppFolder(request));
  if (!path) return path.error();
  Result<Interpreter> python = ProbeInterpreter(*path);
  if (!python) return python;
  if (python->major != 3 || python->minor < 10 || python->minor > 14) {
    return MakeError(Errc::kSetup, *path + " is Python " + python->Version() +
                                       "; CPython 3.10 to 3.14 is needed: name one with --python");
  }
  if (python->flet_version.empty()) {
    return MakeError(Errc::kSetup,
                     "no flet in " + python->prefix + "; run " + *path +
                         " -m pip install flet, or name another environment with --python");
  }
  if (WireGeneration(python->flet_version) != 3) {
    return MakeError(Errc::kSetup,
                     "Flet " + python->flet_version +
                         " speaks another wire format; this version of "
                         "fletbridge runs Flet 0.86 and later: pip install --upgrade flet");
  }
  return python;
}

// The line that a person at a terminal sees.
std::string Headline(const RunRequest& request, const Interpreter& python,
                     const Capabilities& chosen, const std::string& ui) {
  const std::string app = request.script.empty() ? "-m " + request.module : request.script;
  return app + " on stage " + chosen.stage + " (" + chosen.transport + ", " +
         (chosen.in_process ? "one process" : "two processes") + "), " + ui + ", Flet " +
         python.flet_version + ", Python " + python.Version();
}

RunReport BeginReport(const RunRequest& request) {
  RunReport report;
  report.version = Version();
  report.app = request.script.empty() ? request.module : request.script;
  report.requested = {request.stage, request.transport, request.ui};
  report.used.mode = "relayed";
  return report;
}

}  // namespace

int Run(const RunRequest& request) {
  static Timeline timeline;  // from here on; read at the end, which may come inside exit()
  auto loop = std::make_unique<EventLoop>();
  Result<Interpreter> python = ChooseInterpreter(request);
  if (!python) return Fail(python.error());
  Result<std::unique_ptr<UiEndpoint>> ui = MakeUi(*loop, request, python->flet_package);
  if (!ui) return Fail(ui.error());

  AppSpec spec;
  spec.python = python->path;
  if (request.script.empty()) {
    spec.arguments = {"-m", request.module};
  } else {
    spec.arguments = {request.script};
  }
  spec.arguments.insert(spec.arguments.end(), request.arguments.begin(), request.arguments.end());
  spec.environment = request.environment;
  spec.limits = request.limits;
  spec.single_session = (*ui)->name() != "attach";
  Result<ChosenStage> chosen = ChooseStage(*loop, request, *python, std::move(spec));
  if (!chosen) return Fail(chosen.error());

  const Capabilities used = chosen->transport->capabilities();
  const std::string headline = Headline(request, *python, used, (*ui)->name());
  if (!chosen->why.empty()) {
    Log(LogLevel::kInfo, headline + ": " + chosen->why);
  } else if (!request.quiet && ::isatty(STDERR_FILENO) != 0) {
    Log(LogLevel::kInfo, headline);
  } else {
    Log(LogLevel::kDebug, headline);
  }

  if (request.ui == "auto" && request.steps_file.empty()) {
    Log(LogLevel::kInfo,
        "this version has no window: the app runs headless until Ctrl-C; --ui attach waits for a "
        "client, --steps says what to do");
  }

  SessionParts parts;
  parts.report = BeginReport(request);
  parts.report.flet = python->flet_version;
  parts.report.generation = WireGeneration(python->flet_version);
  parts.report.python = python->Version();
  parts.report.used.stage = used.stage;
  parts.report.used.transport = used.transport;
  parts.report.used.ui = (*ui)->name();
  parts.report.used.fallbacks = std::move(chosen->fallbacks);
  parts.report_file = request.report_file;
  parts.max_packet = request.limits.max_packet;
  parts.timeline = &timeline;
  parts.app = std::move(chosen->transport);
  parts.ui = std::move(*ui);
  parts.loop = std::move(loop);
  return RunSession(std::move(parts));
}

int RunAsClient(const RunRequest& request, const std::string& page_url,
                const std::string& pid_file) {
  static Timeline timeline;
  auto loop = std::make_unique<EventLoop>();
  Result<std::unique_ptr<UiEndpoint>> ui = MakeUi(*loop, request, {});
  if (!ui) return Fail(ui.error());
  Result<std::unique_ptr<AppTransport>> app = MakeClientOf(*loop, request.limits, page_url);
  if (!app) return Fail(app.error());
  if (!pid_file.empty()) {
    // Python kills the process whose number it finds here; it removes the file itself.
    std::ofstream out(pid_file);
    out << ::getpid();
    if (!out.flush()) Log(LogLevel::kWarning, "cannot write the pid file " + pid_file);
  }
  SessionParts parts;
  parts.report = BeginReport(request);
  parts.report.app = page_url;
  parts.report.generation = 3;
  parts.report.used.stage = (*app)->capabilities().stage;
  parts.report.used.transport = (*app)->capabilities().transport;
  parts.report.used.ui = (*ui)->name();
  parts.report_file = request.report_file;
  parts.max_packet = request.limits.max_packet;
  parts.timeline = &timeline;
  parts.app = std::move(*app);
  parts.ui = std::move(*ui);
  parts.loop = std::move(loop);
  const int code = RunSession(std::move(parts));
  // Python removes it when it sees our end; a Python that was killed does not.
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  return code;
}

}  // namespace fletbridge
