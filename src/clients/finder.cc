#include "src/clients/finder.h"

#include <algorithm>
#include <cstdlib>

#include "src/clients/client_pins.h"
#include "src/clients/client_search.h"

namespace fletbridge {
namespace {

class Finder final : public ClientFinder {
 public:
  Result<FoundClient> Find(const std::string& asked, const std::string& flet_package,
                           int generation, bool unpacks) override {
    ClientSearch search = SearchFrom([](const char* name) -> std::string {
      const char* value = std::getenv(name);
      return value != nullptr ? value : "";
    });
    search.asked = asked;
    search.flet_package = flet_package;
    search.generation = generation;
    const Result<FletClient> client = unpacks ? ChooseClient(search) : PickClient(search);
    if (!client) return client.error();
    FoundClient found{client->folder,  client->archive,    client->source,
                      client->version, client->generation, false};
    if (const Result<std::vector<ClientPin>> pins = ReadPins(search.pins); pins) {
      found.pinned = std::any_of(pins->begin(), pins->end(), [&](const ClientPin& pin) {
        return pin.folder == client->folder;
      });
    }
    return found;
  }
};

}  // namespace

ClientFinder& DesktopClients() {
  static Finder finder;
  return finder;
}

}  // namespace fletbridge
