// Room: tools. `fletbridge client list | get | add PATH | verify [FOLDER…]`: Flet's desktop clients
// on this machine, and those that are pinned to what they were when they were added.
#include <algorithm>
#include <array>
#include <filesystem>

#include "src/clients/client_pins.h"
#include "src/clients/client_search.h"
#include "tools/client_get.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUsage =
    "Usage: fletbridge client list [--python PATH] [--flet-client DIR]\n"
    "       fletbridge client get [VERSION] [--sha256 SUM] [--python PATH]\n"
    "       fletbridge client add PATH\n"
    "       fletbridge client verify [FOLDER…]\n\n"
    "Flet's desktop clients, for --ui desktop.\n\n"
    "Commands:\n"
    "  list      Show those that a run can find, best first, with version and wire generation\n"
    "  get       Fetch one, with pip or from where Flet's own package does, and add it\n"
    "  add       Add a folder or a .tar.gz archive, and pin what is in it by SHA-256; a run then\n"
    "            refuses it when it has changed. Adding it again takes it as it is\n"
    "  verify    Read all files of those that were added; exit code 1 if one has changed\n\n"
    "Options:\n"
    "  -h, --help     Show this text\n";

std::string Named(const FletClient& client) {
  std::string text = client.version.empty() ? "?" : client.version;
  text.resize(std::max<std::size_t>(text.size() + 2, 10), ' ');
  text += client.generation == 0 ? "?" : std::to_string(client.generation);
  return text;
}

// Where no app is named: those of the folder in which the command is typed.
Result<Settings> SettingsHere(const Toolbox& tools, const TextPairs& typed) {
  return MergeSettings({.command_line = typed,
                        .environment = tools.environment,
                        .cwd = tools.cwd,
                        .app_folder = tools.cwd});
}

int List(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Shows the desktop clients that a run can find.", "client list");
  command.formatter(HelpShape("fletbridge client list [options]"));
  TextPairs typed;
  AddSettings(command, typed, {"python", "flet-client", "config"});
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  const Result<Settings> settings = SettingsHere(tools, typed);
  if (!settings) return PrintError(tools, settings.error());

  ClientSearch search = SearchOf(tools);
  search.asked = settings->text("flet-client");
  // Without an interpreter there may be other clients; `doctor` says why there is none.
  const Result<std::string> python =
      tools.parts.find_interpreter(settings->text("python"), tools.cwd);
  if (python) {
    if (const Result<Interpreter> probed = tools.parts.probe_interpreter(*python)) {
      search.flet_package = probed->flet_package;
      search.generation = tools.parts.wire_generation(probed->flet_version);
    }
  } else if (!settings->text("python").empty()) {
    return PrintError(tools, python.error());
  }
  const Result<std::vector<FletClient>> found = FindClients(search);
  if (!found) return PrintError(tools, found.error());
  const Result<std::vector<ClientPin>> pins = ReadPins(search.pins);
  if (!pins) return PrintError(tools, pins.error());
  if (found->empty()) {
    // The same sentence that a run would end with.
    const Result<FletClient> none = ChooseClient(search);
    return none ? 0 : PrintError(tools, none.error());
  }
  tools.out << "VERSION   WIRE  SHA-256           WHERE\n";
  for (const FletClient& client : *found) {
    std::string line = Named(client);
    line.resize(16, ' ');
    std::string sum = client.folder.empty() ? "not unpacked yet" : "not pinned";
    for (const ClientPin& pin : *pins) {
      if (pin.folder == client.folder) sum = pin.sha256.substr(0, 16);
    }
    sum.resize(18, ' ');
    line +=
        sum + (client.folder.empty() ? client.archive : client.folder) + " (" + client.source + ")";
    if (!client.obstacle.empty()) line += ": " + client.obstacle;
    tools.out << line << "\n";
  }
  return 0;
}

int AddPath(const Toolbox& tools, const std::string& path, const std::string& version = {}) {
  const ClientSearch search = SearchOf(tools);
  const Result<FletClient> client = OpenClient(search, path, "added");
  if (!client) return PrintError(tools, client.error());
  if (!client->obstacle.empty()) {
    return PrintError(
        tools, MakeError(Errc::kUsage, "no Flet client in " + path + ": " + client->obstacle +
                                           "; name the folder of one, with lib and "
                                           "data in it, or its .tar.gz archive"));
  }
  ClientPin pin;
  pin.folder = client->folder;
  pin.version = client->version.empty() ? version : client->version;
  pin.generation = client->generation;
  const Result<ClientPin> pinned = PinClient(search.pins, std::move(pin));
  if (!pinned) return PrintError(tools, pinned.error());
  tools.out << pinned->sha256 << "  " << pinned->folder << "\n";
  return 0;
}

int Get(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Fetches a desktop client of Flet's and adds it.", "client get");
  command.formatter(HelpShape("fletbridge client get [VERSION] [options]"));
  command.footer(
      std::string("Without VERSION it is ") + kClientToGet +
      ", which shows apps of Flet 0.70 and later.\n"
      "Up to 0.82.2 it comes out of the package flet-desktop, by the pip of the interpreter,\n"
      "so with pip's settings; later ones from where Flet's own package fetches them, or from\n"
      "FLET_CLIENT_URL, through the proxy that HTTPS_PROXY names. It is kept only if its\n"
      "SHA-256 is the expected one, and not fetched twice.\n");
  WantedClient wanted;
  TextPairs typed;
  command.add_option("VERSION", wanted.version);
  command
      .add_option("--sha256", wanted.sha256,
                  "What the archive must be; needed for a version that we do not know")
      ->option_text("SUM");
  AddSettings(command, typed, {"python", "config"});
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  const Result<Settings> settings = SettingsHere(tools, typed);
  if (!settings) return PrintError(tools, settings.error());
  const Result<std::string> python =
      tools.parts.find_interpreter(settings->text("python"), tools.cwd);
  if (!python) return PrintError(tools, python.error());
  std::string url;
  for (const auto& [name, text] : tools.environment) {
    if (name == "FLET_CLIENT_URL") url = text;
  }
  const Result<std::string> folder = GetClient(wanted, url, *python, SearchOf(tools));
  if (!folder) return PrintError(tools, folder.error());
  return AddPath(tools, *folder, wanted.version);
}

int Add(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Adds a folder or a .tar.gz archive of a client, and pins what is in it.",
                   "client add");
  command.formatter(HelpShape("fletbridge client add PATH"));
  std::string given;
  AddWord(command, "PATH", given);
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  return AddPath(tools, (fs::path(tools.cwd) / given).lexically_normal().string());
}

int Verify(const Toolbox& tools, const std::vector<std::string>& args) {
  CLI::App command("Reads all files of the clients that were added.", "client verify");
  command.formatter(HelpShape("fletbridge client verify [FOLDER…]"));
  command.footer("Exit code 1 if one has changed.\n");
  std::vector<std::string> folders;
  command.add_option("FOLDER", folders);
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  const Result<std::vector<ClientPin>> pins = ReadPins(SearchOf(tools).pins);
  if (!pins) return PrintError(tools, pins.error());
  std::vector<ClientPin> asked;
  for (const std::string& folder : folders) {
    const std::string path =
        LookAtClient((fs::path(tools.cwd) / folder).lexically_normal().string(), {}).folder;
    const auto pin = std::find_if(pins->begin(), pins->end(),
                                  [&](const ClientPin& other) { return other.folder == path; });
    if (pin == pins->end()) {
      return PrintError(tools,
                        MakeError(Errc::kUsage, path +
                                                    " has not been added; run fletbridge client "
                                                    "add " +
                                                    path));
    }
    asked.push_back(*pin);
  }
  if (folders.empty()) asked = *pins;
  if (asked.empty()) tools.out << "no client has been added\n";
  int code = 0;
  for (const ClientPin& pin : asked) {
    const Result<std::optional<std::string>> changed = ChangedContent(pin, true);
    if (!changed) {
      code = PrintError(tools, changed.error());
    } else if (*changed) {
      PrintMessage(tools, PinBroken(pin, **changed).Line());
      code = std::max(code, 1);
    } else {
      tools.out << pin.sha256 << "  " << pin.folder << "\n";
    }
  }
  return code;
}

constexpr std::array kCommands = {
    Subcommand{"list", "Show those that a run can find", List},
    Subcommand{"get", "Fetch one and add it", Get},
    Subcommand{"add", "Add a folder or an archive, and pin what is in it", Add},
    Subcommand{"verify", "Read all files of those that were added", Verify},
};

}  // namespace

int ClientCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  return RunSubcommand(tools, args, "client", kUsage, kCommands);
}

}  // namespace fletbridge
