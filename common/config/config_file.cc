#include "common/config/config_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <nlohmann/json.hpp>
#include <toml++/toml.h>

namespace fletbridge {
namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{1} << 20;

Result<std::string> ReadAll(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    const std::string why = error ? error.message() : "it is not a file";
    return MakeError(Errc::kUsage, "cannot read settings from " + path + ": " + why);
  }
  if (std::filesystem::file_size(path, error) > kMaxFileBytes || error) {
    return MakeError(Errc::kUsage,
                     "cannot read settings from " + path + ": it is larger than 1 MiB");
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    return MakeError(Errc::kUsage,
                     "cannot read settings from " + path + ": " + std::strerror(errno));
  }
  return text;
}

Result<toml::table> ParseToml(const std::string& path) {
  const Result<std::string> text = ReadAll(path);
  if (!text) return text.error();
  try {
    return toml::parse(*text, path);
  } catch (const toml::parse_error& error) {
    return MakeError(Errc::kUsage, path + ":" + std::to_string(error.source().begin.line) +
                                       ": not valid TOML: " + std::string(error.description()));
  }
}

FileEntry FromToml(std::string_view key, const toml::node& node) {
  FileEntry entry{.key = std::string(key),
                  .text = {},
                  .type = EntryType::kOther,
                  .line = static_cast<int>(node.source().begin.line)};
  if (const auto* text = node.as_string()) {
    entry.text = text->get();
    entry.type = EntryType::kString;
  } else if (const auto* number = node.as_integer()) {
    entry.text = std::to_string(number->get());
    entry.type = EntryType::kInteger;
  } else if (const auto* flag = node.as_boolean()) {
    entry.text = flag->get() ? "true" : "false";
    entry.type = EntryType::kBool;
  }
  return entry;
}

std::vector<FileEntry> Entries(const toml::table& table) {
  std::vector<FileEntry> entries;
  for (const auto& [key, node] : table) entries.push_back(FromToml(key.str(), node));
  return entries;
}

}  // namespace

Result<std::vector<FileEntry>> ReadTomlSettings(const std::string& path) {
  const Result<toml::table> table = ParseToml(path);
  if (!table) return table.error();
  return Entries(*table);
}

Result<std::vector<FileEntry>> ReadPyproject(const std::string& path) {
  const Result<toml::table> table = ParseToml(path);
  if (!table) return table.error();
  const auto ours = (*table)["tool"]["fletbridge"];
  if (!ours) return std::vector<FileEntry>{};
  if (!ours.is_table()) {
    return MakeError(Errc::kUsage,
                     path + ":" + std::to_string(ours.node()->source().begin.line) +
                         ": tool.fletbridge must be a table; write [tool.fletbridge]");
  }
  return Entries(*ours.as_table());
}

Result<std::vector<FileEntry>> ReadJsonSettings(const std::string& path) {
  const Result<std::string> text = ReadAll(path);
  if (!text) return text.error();
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(*text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t at = std::min<std::size_t>(error.byte, text->size());
    const auto line =
        1 + std::count(text->begin(), text->begin() + static_cast<std::ptrdiff_t>(at), '\n');
    return MakeError(Errc::kUsage, path + ":" + std::to_string(line) + ": not valid JSON");
  }
  if (!document.is_object()) {
    return MakeError(Errc::kUsage,
                     path + ": must hold one object of settings, such as {\"stage\": \"2\"}");
  }
  std::vector<FileEntry> entries;
  for (const auto& [key, value] : document.items()) {
    FileEntry entry{.key = key, .text = {}, .type = EntryType::kOther, .line = 0};
    if (value.is_string()) {
      entry.text = value.get<std::string>();
      entry.type = EntryType::kString;
    } else if (value.is_number_integer()) {
      entry.text = value.dump();
      entry.type = EntryType::kInteger;
    } else if (value.is_boolean()) {
      entry.text = value.get<bool>() ? "true" : "false";
      entry.type = EntryType::kBool;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string ReadFletAppPath(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return {};
  const Result<toml::table> table = ParseToml(path);
  if (!table) return {};  // the merge of settings reads the same file and reports its errors
  return (*table)["tool"]["flet"]["app"]["path"].value_or(std::string());
}

std::string NearestPyproject(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::path at = folder;; at = at.parent_path()) {
    if (std::filesystem::is_regular_file(at / "pyproject.toml", error))
      return (at / "pyproject.toml").string();
    if (at == at.parent_path()) return {};
  }
}

Project ReadProject(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return {};
  const Result<toml::table> table = ParseToml(path);
  if (!table) return {};  // as above
  const auto project = (*table)["project"];
  return {project["name"].value_or(std::string()), project["version"].value_or(std::string())};
}

}  // namespace fletbridge
