#include "src/rollout/flag_source/flag_copy.h"

#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "src/rollout/flags/flag_file.h"
#include "src/rollout/flags/murmur3.h"
#include "src/rollout/state_folder.h"

namespace fletbridge {

std::string FlagCopyPath(const std::string& state_folder, const std::string& url) {
  if (state_folder.empty()) return {};
  char name[32];
  std::snprintf(name, sizeof name, "%08x%08x.json", Murmur3(url, 0), Murmur3(url, 1));
  return state_folder + "/flags/" + name;
}

std::optional<FlagCopy> ReadFlagCopy(const std::string& path, const std::string& url) try {
  if (path.empty()) return {};
  // Escaping may make it longer than what came.
  const Result<std::string> text = ReadSmallFile(path, 7 * kMaxFlagFileBytes);
  if (!text) return {};
  const nlohmann::json json = nlohmann::json::parse(*text);
  FlagCopy copy{json.at("url"), json.at("etag"), json.at("body"), json.at("fetched")};
  if (copy.url != url) return {};
  return copy;
} catch (const std::exception&) {
  return {};
}

Result<> WriteFlagCopy(const std::string& path, const FlagCopy& copy) {
  if (Result<> made = MakeFolder(std::filesystem::path(path).parent_path()); !made) return made;
  const nlohmann::json json = {
      {"url", copy.url}, {"etag", copy.etag}, {"body", copy.body}, {"fetched", copy.fetched}};
  return ReplaceFile(path, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                     false);
}

}  // namespace fletbridge
