#include "src/clients/client_search.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sys/utsname.h>
#include <system_error>

#include "src/clients/client_pins.h"
#include "src/clients/client_store.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kArchiveEnd = ".tar.gz";

// version.py of the package flet_desktop: version = "0.82.2"
std::string PackageVersion(const fs::path& package) {
  std::ifstream in(package / "version.py");
  for (std::string line; std::getline(in, line);) {
    const std::size_t open = line.find_first_of("\"'");
    if (!line.starts_with("version") || open == std::string::npos) continue;
    const std::size_t close = line.find(line[open], open + 1);
    if (close != std::string::npos) return line.substr(open + 1, close - open - 1);
  }
  return {};
}

// As Flet's archives name it.
std::string Processor() {
  utsname system{};
  ::uname(&system);
  const std::string machine = system.machine;
  if (machine == "x86_64") return "amd64";
  return machine == "aarch64" ? "arm64" : machine;
}

std::vector<fs::path> SortedEntries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error))
    entries.push_back(at->path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

FletClient ArchivedClient(const ClientSearch& search, const std::string& archive,
                          std::string source, std::string version) {
  if (const std::string folder = UnpackedBefore(search.store, archive); !folder.empty()) {
    FletClient client = LookAtClient(folder, std::move(source), std::move(version));
    client.archive = archive;
    return client;
  }
  FletClient client;
  client.source = std::move(source);
  client.archive = archive;
  client.generation = GenerationOfVersion(version);
  client.version = std::move(version);
  return client;
}

void AddOfPackage(const ClientSearch& search, std::vector<FletClient>& found) {
  if (search.flet_package.empty()) return;
  const fs::path package = fs::path(search.flet_package).parent_path() / "flet_desktop";
  const std::string version = PackageVersion(package);
  const std::string end = Processor() + std::string(kArchiveEnd);
  for (const fs::path& entry : SortedEntries(package / "app")) {
    const std::string name = entry.filename();
    if (name.starts_with("flet-linux") && name.ends_with(end))
      found.push_back(ArchivedClient(search, entry, "the app's flet-desktop package", version));
  }
}

void AddOfFletHome(const ClientSearch& search, std::vector<FletClient>& found) {
  if (search.flet_home.empty()) return;
  for (const char* part : {"client", "bin"}) {
    for (const fs::path& entry : SortedEntries(fs::path(search.flet_home) / part)) {
      std::error_code error;
      const std::string version = VersionInName(entry.filename());
      if (version.empty() || !fs::is_directory(entry, error)) continue;
      FletClient client = LookAtClient(entry, "Flet's own cache", version);
      if (!client.obstacle.empty()) continue;
      for (const fs::path& folder : {entry.parent_path(), entry, fs::path(client.folder)}) {
        if (client.obstacle.empty()) client.obstacle = WhoElseWrites(folder, false);
      }
      found.push_back(std::move(client));
    }
  }
}

// What a person can do about it.
std::string HowToGetOne(const ClientSearch& search) {
  if (search.generation == 1) {
    return "an app with Flet up to 0.28 is shown by its own client alone: run it once with python, "
           "which has Flet unpack that into ~/.flet/bin, run fletbridge client get 0.28.3, or name "
           "a "
           "folder with one by --flet-client";
  }
  return "run fletbridge client get, or name a folder with one by --flet-client";
}

void Judge(const ClientSearch& search, FletClient& client) {
  // What an archive without a name for its version speaks shows once it is unpacked.
  if (!client.obstacle.empty() || (client.folder.empty() && client.generation == 0)) return;
  if (client.generation == 0) {
    client.obstacle = "it speaks an unknown wire format";
  } else if (client.generation == 1 && search.generation != 1) {
    client.obstacle = "it speaks JSON, for apps with Flet up to 0.28 alone";
  } else if (client.generation != 1 && search.generation == 1) {
    client.obstacle = "it speaks wire generation " + std::to_string(client.generation) +
                      ", which the JSON of this app's Flet cannot be translated to";
  }
}

Result<> CheckPin(const ClientSearch& search, const FletClient& client) {
  Result<std::vector<ClientPin>> pins = ReadPins(search.pins);
  if (!pins) return pins.error();
  for (const ClientPin& pin : *pins) {
    if (pin.folder != client.folder) continue;
    Result<std::optional<std::string>> changed = ChangedContent(pin, false);
    if (!changed) return changed.error();
    if (*changed) return PinBroken(pin, **changed);
  }
  return {};
}

}  // namespace

ClientSearch SearchFrom(const std::function<std::string(const char*)>& variable) {
  ClientSearch search;
  search.view_path = variable("FLET_VIEW_PATH");
  const std::string home = variable("HOME");
  const auto base = [&](const char* name, const char* otherwise) {
    const std::string value = variable(name);
    return value.starts_with('/') ? value : home + otherwise;
  };
  if (!home.empty()) search.flet_home = home + "/.flet";
  search.store = base("XDG_CACHE_HOME", "/.cache") + "/fletbridge/clients";
  search.pins = base("XDG_DATA_HOME", "/.local/share") + "/fletbridge/clients.json";
  return search;
}

Result<std::vector<FletClient>> FindClients(const ClientSearch& search) {
  std::vector<FletClient> found;
  std::error_code error;
  if (!search.asked.empty()) {
    found.push_back(search.asked.ends_with(kArchiveEnd)
                        ? ArchivedClient(search, search.asked, "--flet-client", {})
                        : LookAtClient(search.asked, "--flet-client"));
  }
  if (!search.view_path.empty()) {
    // Most often it names our own `flet`, for Python to start: then it says nothing about clients.
    FletClient client = LookAtClient(search.view_path, "FLET_VIEW_PATH");
    if (client.obstacle.empty()) found.push_back(std::move(client));
  }
  AddOfPackage(search, found);
  Result<std::vector<ClientPin>> pins = ReadPins(search.pins);
  if (!pins) return pins.error();
  for (const ClientPin& pin : *pins) {
    FletClient client = LookAtClient(pin.folder, "added", pin.version);
    if (pin.generation != 0) client.generation = pin.generation;
    found.push_back(std::move(client));
  }
  AddOfFletHome(search, found);
  for (FletClient& client : found) Judge(search, client);
  return found;
}

Result<FletClient> OpenClient(const ClientSearch& search, const std::string& path,
                              const std::string& source) {
  std::error_code error;
  if (fs::is_regular_file(path, error) && path.ends_with(kArchiveEnd)) {
    Result<std::string> folder = UnpackedClient(search.store, path);
    if (!folder) return folder.error();
    FletClient client = LookAtClient(
        *folder, source, PackageVersion(fs::absolute(path, error).parent_path().parent_path()));
    client.archive = path;
    return client;
  }
  return LookAtClient(path, source);
}

Result<FletClient> PickClient(const ClientSearch& search) {
  Result<std::vector<FletClient>> found = FindClients(search);
  if (!found) return found.error();
  const FletClient* best = nullptr;
  std::string reasons;
  for (const FletClient& client : *found) {
    if (!client.obstacle.empty()) {
      if (!search.asked.empty() && &client == &found->front()) {
        return MakeError(Errc::kUsage, "no Flet client in " + search.asked + ": " +
                                           client.obstacle +
                                           "; --flet-client takes the folder with Flet's own "
                                           "desktop client, see fletbridge client list");
      }
      reasons += " (not " + (client.folder.empty() ? client.archive : client.folder) + ": " +
                 client.obstacle + ")";
      continue;
    }
    const bool by_name = client.source == "--flet-client" || client.source == "FLET_VIEW_PATH";
    if (best == nullptr ||
        (client.generation == search.generation && best->generation != search.generation))
      best = &client;
    if (by_name) break;
  }
  if (best == nullptr) {
    return MakeError(Errc::kSetup, "no Flet desktop client on this machine" + reasons + "; " +
                                       HowToGetOne(search));
  }
  if (!best->folder.empty()) {
    if (Result<> good = CheckPin(search, *best); !good) return good.error();
  }
  return *best;
}

Result<FletClient> ChooseClient(const ClientSearch& search) {
  Result<FletClient> picked = PickClient(search);
  if (!picked) return picked;
  FletClient chosen = std::move(*picked);
  if (chosen.folder.empty()) {
    Result<FletClient> opened = OpenClient(search, chosen.archive, chosen.source);
    if (!opened) return opened.error();
    if (!opened->obstacle.empty()) {
      return MakeError(Errc::kSetup, "the client of " + chosen.archive + " is not whole: " +
                                         opened->obstacle + "; " + HowToGetOne(search));
    }
    if (opened->version.empty()) opened->version = chosen.version;
    chosen = std::move(*opened);
    Judge(search, chosen);
    if (!chosen.obstacle.empty())
      return MakeError(Errc::kSetup, "cannot take the client of " + chosen.archive + ": " +
                                         chosen.obstacle + "; " + HowToGetOne(search));
    if (Result<> good = CheckPin(search, chosen); !good) return good.error();
  }
  return chosen;
}

}  // namespace fletbridge
