#include "src/host/ui_choice.h"

#include "src/ui/desktop/desktop_ui.h"
#include "src/ui/desktop/file_dialogs.h"
#include "src/ui/desktop/toolkit.h"

namespace fletbridge {
namespace {

Result<> TakeDesktop(RunRequest& request, ClientFinder* clients, const std::string& flet_package,
                     int generation) {
  if (const std::string why = desktop::NoDisplay(); !why.empty()) {
    return MakeError(Errc::kSetup, "no display for a window: " + why +
                                       "; set it to a display that runs, or use --ui headless or "
                                       "--ui attach");
  }
  if (clients == nullptr)
    return MakeError(Errc::kSetup, "this program shows no window; use --ui headless");
  Result<FoundClient> client = clients->Find(request.flet_client, flet_package, generation, true);
  if (!client) return client.error();
  request.shown_by = "desktop";
  request.client_folder = client->folder;
  request.client_generation = client->generation;
  return {};
}

// What was named, or pinned, is not passed over in silence.
bool IsPassedOver(const std::string& flet_client, const Error& why) {
  return flet_client.empty() && why.code != Errc::kUntrusted;
}

}  // namespace

Result<std::string> ChooseUi(RunRequest& request, ClientFinder* clients,
                             const std::string& flet_package, int generation) {
  if (!request.replay_file.empty()) {
    request.shown_by = "replay";
    return std::string();
  }
  if (request.ui == "desktop") {
    if (Result<> taken = TakeDesktop(request, clients, flet_package, generation); !taken)
      return taken.error();
    return std::string();
  }
  request.shown_by = request.ui == "auto" ? "headless" : request.ui;
  if (request.ui != "auto" || !request.steps_file.empty()) return std::string();
  Result<> taken = TakeDesktop(request, clients, flet_package, generation);
  if (taken) return std::string();
  if (!IsPassedOver(request.flet_client, taken.error())) return taken.error();
  return taken.error().Line();
}

WindowFinding LookForWindow(ClientFinder& clients, const std::string& flet_client,
                            const std::string& flet_package, int generation) {
  WindowFinding finding;
  const desktop::Toolkit toolkit = desktop::TryToolkit();
  finding.display = toolkit.display;
  finding.display_obstacle = toolkit.display_obstacle;
  finding.toolkit_obstacle = toolkit.obstacle;
  finding.passed_over = !desktop::NoDisplay().empty();
  const Result<FoundClient> client = clients.Find(flet_client, flet_package, generation, false);
  if (!client) {
    finding.client_obstacle = client.error().Line();
    finding.passed_over = finding.passed_over || IsPassedOver(flet_client, client.error());
    return finding;
  }
  finding.client = client->folder.empty() ? client->archive : client->folder;
  finding.source = client->source;
  finding.version = client->version;
  finding.generation = client->generation;
  finding.dialogs_obstacle = desktop::WhyNoFileDialogs(client->generation);
  finding.pinned = client->pinned;
  return finding;
}

}  // namespace fletbridge
