#include "src/clients/client_pins.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "common/base/own_file.h"
#include "src/clients/client_folder.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Error Broken(const std::string& file, const std::string& why) {
  return MakeError(Errc::kSetup, "cannot read the list of added clients " + file + ": " + why +
                                     "; repair it, or remove it and add them again");
}

}  // namespace

Result<std::vector<ClientPin>> ReadPins(const std::string& file) try {
  std::error_code error;
  std::vector<ClientPin> pins;
  if (!fs::exists(file, error)) return pins;
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad()) return Broken(file, "it is not readable");
  const Json list = Json::parse(text);
  for (const Json& entry : list.at("clients")) {
    pins.push_back({entry.at("folder"), entry.at("version"), entry.at("generation"),
                    entry.at("sha256"), entry.at("traces")});
  }
  return pins;
} catch (const std::exception&) {
  return Broken(file, "it is not what fletbridge client add writes");
}

Result<> WritePins(const std::string& file, const std::vector<ClientPin>& pins) {
  Json clients = Json::array();
  for (const ClientPin& pin : pins) {
    clients.push_back({{"folder", pin.folder},
                       {"version", pin.version},
                       {"generation", pin.generation},
                       {"sha256", pin.sha256},
                       {"traces", pin.traces}});
  }
  Json list = Json::object();
  list["clients"] = clients;
  const std::string text = list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  const auto failed = [&](const std::string& why) {
    return MakeError(Errc::kSetup, "cannot write " + file + ": " + why +
                                       "; check its folder's permissions, or set XDG_DATA_HOME");
  };
  std::error_code error;
  fs::create_directories(fs::path(file).parent_path(), error);
  if (error) return failed(error.message());
  if (const Result<> written = WriteOwnFile(file, text, 0600); !written)
    return failed(written.error().Line());
  return {};
}

Result<ClientPin> PinClient(const std::string& file, ClientPin pin) {
  Result<std::vector<ClientPin>> pins = ReadPins(file);
  if (!pins) return pins.error();
  // Before the content: a change in between shows later.
  Result<std::string> traces = TracesOf(pin.folder);
  if (!traces) return traces.error();
  Result<std::string> content = ContentOf(pin.folder);
  if (!content) return content.error();
  pin.sha256 = *content;
  pin.traces = *traces;
  std::erase_if(*pins, [&](const ClientPin& other) { return other.folder == pin.folder; });
  pins->push_back(pin);
  if (Result<> written = WritePins(file, *pins); !written) return written.error();
  return pin;
}

Result<std::optional<std::string>> ChangedContent(const ClientPin& pin, bool thorough) {
  if (!thorough) {
    Result<std::string> traces = TracesOf(pin.folder);
    if (!traces) return traces.error();
    if (*traces == pin.traces) return std::optional<std::string>();
  }
  Result<std::string> content = ContentOf(pin.folder);
  if (!content) return content.error();
  if (*content == pin.sha256) return std::optional<std::string>();
  return std::optional<std::string>(*content);
}

Error PinBroken(const ClientPin& pin, const std::string& now) {
  return MakeError(Errc::kUntrusted,
                   "the client in " + pin.folder + " has changed since it was added: SHA-256 " +
                       now.substr(0, 16) + "…, pinned " + pin.sha256.substr(0, 16) +
                       "…; if that was you, run fletbridge client add " + pin.folder);
}

}  // namespace fletbridge
