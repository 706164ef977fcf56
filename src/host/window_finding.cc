#include "src/host/window_finding.h"

#include "src/ui/desktop/desktop_ui.h"
#include "src/ui/desktop/file_dialogs.h"
#include "src/ui/desktop/toolkit.h"

namespace fletbridge {
WindowFinding LookForWindow(ClientFinder& clients, const std::string& flet_client,
                            const std::string& flet_package, int generation) {
  WindowFinding finding;
  const desktop::Toolkit toolkit = desktop::TryToolkit();
  finding.display = toolkit.display;
  finding.display_obstacle = toolkit.display_obstacle;
  finding.toolkit_obstacle = toolkit.obstacle;
  finding.passed_over = flet_client.empty() && !desktop::NoDisplay().empty();
  const Result<FoundClient> client = clients.Find(flet_client, flet_package, generation, false);
  if (!client) {
    finding.client_obstacle = client.error().Line();
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
