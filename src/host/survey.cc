#include "src/host/survey.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "common/base/log.h"
#include "common/python/hosted.h"
#include "src/host/factory.h"
#include "src/ui/desktop/desktop_ui.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

std::string AppFolder(const RunRequest& request) {
  std::error_code error;
  if (request.script.empty()) return ".";
  if (fs::is_directory(request.script, error)) return request.script;
  const std::string folder = fs::path(request.script).parent_path();
  return folder.empty() ? "." : folder;
}

// For a person whose environment was not found.
std::string WhereLooked(const RunRequest& request) {
  if (!request.python.empty() || std::getenv("VIRTUAL_ENV") != nullptr) return {};
  std::string places;
  for (const std::string& venv : EnvironmentsOf(AppFolder(request))) {
    std::error_code error;
    if (fs::exists(fs::path(venv) / "bin", error)) return {};
    places += (places.empty() ? "" : ", ") + venv;
  }
  return " (python3 of PATH: there is no active virtual environment, and none in " + places + ")";
}

Result<Interpreter> FindPython(const RunRequest& request) {
  Result<std::string> path = FindInterpreter(request.python, AppFolder(request));
  if (!path) return path.error();
  Result<Interpreter> python =
      RecallInterpreter(*path, request.script.empty() ? "." : request.script);
  if (!python) return python;
  if (python->major != 3 || python->minor < 10 || python->minor > 14) {
    return MakeError(Errc::kSetup, *path + " is Python " + python->Version() +
                                       "; CPython 3.10 to 3.14 is needed: name one with --python");
  }
  if (python->flet_version.empty()) {
    // With -S or -I the interpreter may not see an installed Flet.
    if (!python->shim_obstacle.empty())
      return MakeError(Errc::kSetup,
                       OwnProcessObstacle(*python) + "; name another one with --python");
    return MakeError(Errc::kSetup, "no flet in " + python->prefix + WhereLooked(request) +
                                       "; run " +
                                       HowToInstall(*python, "flet", AppFolder(request)) +
                                       ", or name another environment with --python");
  }
  if (WireGeneration(python->flet_version) < 0) {
    return MakeError(Errc::kSetup, "Flet " + python->flet_version +
                                       " speaks another wire format; this version of "
                                       "fletbridge runs Flet 0.1, and 0.4 and later: " +
                                       HowToInstall(*python, "--upgrade flet", AppFolder(request)));
  }
  return python;
}

void LookAtHostings(const RunRequest& request, LaunchFacts& facts) {
  facts.own_process_obstacle = OwnProcessObstacle(facts.python);
  facts.web_obstacle = WebObstacle(facts.python);
  facts.brokerless_obstacle = BrokerlessObstacle(facts.python);
  bool another_works = false;
  for (const Hosting hosting : kHostings) {
    std::string& obstacle = facts.hosting_obstacles[hosting];
    obstacle = HostingObstacle(hosting, facts.python);
    if (hosting == Hosting::kLibrary) continue;
    const bool may_be =
        request.hosting == "auto" || request.fallback || HostingName(hosting) == request.hosting;
    another_works = another_works || (may_be && obstacle.empty());
  }
  // Only if needed, since it opens the library; the other checks are cheap.
  std::string& obstacle = facts.hosting_obstacles[Hosting::kLibrary];
  const bool is_first = request.hosting == HostingName(Hosting::kLibrary) || !another_works;
  if (!obstacle.empty() || !is_first || request.stage == "1") return;
  if (Result<> loads = CheckLibpython(facts.python.libpython); !loads)
    obstacle = loads.error().Line();
}

// Finds the client for a window, or why there is no window.
void LookForClient(const RunRequest& request, ClientFinder* clients, bool unpacks,
                   LaunchFacts& facts) {
  const auto none = [&](Error why) { facts.window_obstacle = std::move(why); };
  if (facts.generation == 0) {
    facts.passed_over = true;
    return none(MakeError(Errc::kSetup, "there is no window for Flet " + facts.python.flet_version +
                                            "; use --ui headless, or --ui attach"));
  }
  const std::string no_display = desktop::NoDisplay();
  // Where there is a display a person can put the rest right, and has to be told.
  facts.passed_over = request.flet_client.empty() && (!no_display.empty() || clients == nullptr);
  if (!no_display.empty()) {
    return none(MakeError(Errc::kSetup, "no display for a window: " + no_display +
                                            "; set it to a display that runs, or use --ui headless "
                                            "or --ui attach"));
  }
  if (clients == nullptr)
    return none(MakeError(Errc::kSetup, "this program shows no window; use --ui headless"));
  Result<FoundClient> client =
      clients->Find(request.flet_client, facts.python.flet_package, facts.generation, unpacks);
  if (!client) return none(client.error());
  facts.client = std::move(*client);
}

// Whether a Python file has a word of those by which an app asks for a browser.
bool NamesBrowser(const fs::path& file) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return false;  // a pipe can be read only once
  std::ifstream in(file, std::ios::binary);
  std::string text(std::min<std::uintmax_t>(fs::file_size(file, error), kMost), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text.find("WEB_BROWSER") != std::string::npos ||
         text.find("web_browser") != std::string::npos ||
         text.find("FLET_FORCE_WEB_SERVER") != std::string::npos;
}

// A hint, so that a window need not wait for an app that would never ask: the app's word counts.
bool MayAskForBrowser(const RunRequest& request) {
  constexpr int kMostFiles = 100;
  std::error_code error;
  if (!request.script.empty() && NamesBrowser(request.script)) return true;
  fs::path folder = AppFolder(request);
  if (!request.module.empty()) {
    std::string path = request.module;
    std::replace(path.begin(), path.end(), '.', '/');
    if (NamesBrowser(path + ".py")) return true;
    folder = fs::is_directory(path, error) ? fs::path(path) : fs::path(path).parent_path();
    if (folder.empty()) folder = ".";
  }
  int files = 0;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".py" && ++files <= kMostFiles && NamesBrowser(at->path()))
      return true;
  }
  return false;
}

}  // namespace

bool TakesSocket(const Interpreter& python) {
  std::error_code error;
  const fs::path flet = python.flet_package;
  return python.shim_obstacle.empty() &&
         (fs::exists(flet / "messaging" / "flet_socket_server.py", error) ||
          fs::exists(flet / "flet_socket_server.py", error));
}

Result<LaunchFacts> Survey(const RunRequest& request, const Features& features, bool unpacks) {
  Result<Interpreter> python = FindPython(request);
  if (!python) return python.error();
  LaunchFacts facts = SurveyAsClient(request, features, std::move(*python), unpacks);
  if (IsNewerThanKnown(facts.python.flet_version)) {
    Log(LogLevel::kWarning,
        "Flet " + facts.python.flet_version +
            " is newer than this fletbridge knows, and is taken for one of 1.0; "
            "if it fails, use fletbridge's next version");
  }
  facts.stages = StageList();
  facts.takes_socket = TakesSocket(facts.python);
  LookAtHostings(request, facts);
  if (request.ui == "auto") {
    const char* const forced = std::getenv("FLET_FORCE_WEB_SERVER");
    facts.forces_web = forced != nullptr && ForcesWeb(forced);
    facts.names_browser = MayAskForBrowser(request);
  }
  return facts;
}

LaunchFacts SurveyAsClient(const RunRequest& request, const Features& features, Interpreter python,
                           bool unpacks) {
  LaunchFacts facts;
  facts.python = std::move(python);
  facts.generation = WireGeneration(facts.python.flet_version);
  const bool may_be_window =
      request.replay_file.empty() &&
      (request.ui == "desktop" || (request.ui == "auto" && request.steps_file.empty()));
  if (may_be_window) LookForClient(request, features.clients, unpacks, facts);
  return facts;
}

Generation GenerationOf(const LaunchFacts& facts) {
  return static_cast<Generation>(facts.generation);
}

}  // namespace fletbridge
