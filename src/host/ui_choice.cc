#include "src/host/ui_choice.h"

#include <cstdlib>

#include "common/clients/client_search.h"
#include "src/ui/desktop/desktop_ui.h"

namespace fletbridge {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<> TakeDesktop(RunRequest& request, const std::string& flet_package, int generation) {
  if (const std::string why = desktop::NoDisplay(); !why.empty()) {
    return MakeError(Errc::kSetup, "no display for a window: " + why +
                                       "; set it to a display that runs, or use --ui headless or "
                                       "--ui attach");
  }
  ClientSearch search = SearchFrom(Variable);
  search.asked = request.flet_client;
  search.flet_package = flet_package;
  search.generation = generation;
  Result<FletClient> client = ChooseClient(search);
  if (!client) return client.error();
  request.shown_by = "desktop";
  request.client_folder = client->folder;
  request.client_generation = client->generation;
  return {};
}

}  // namespace

Result<std::string> ChooseUi(RunRequest& request, const std::string& flet_package, int generation) {
  if (!request.replay_file.empty()) {
    request.shown_by = "replay";
    return std::string();
  }
  if (request.ui == "desktop") {
    if (Result<> taken = TakeDesktop(request, flet_package, generation); !taken)
      return taken.error();
    return std::string();
  }
  request.shown_by = request.ui == "auto" ? "headless" : request.ui;
  if (request.ui != "auto" || !request.steps_file.empty()) return std::string();
  Result<> taken = TakeDesktop(request, flet_package, generation);
  if (taken) return std::string();
  // What was named, or pinned, is not passed over in silence.
  if (!request.flet_client.empty() || taken.error().code == Errc::kUntrusted) return taken.error();
  return taken.error().Line();
}

}  // namespace fletbridge
