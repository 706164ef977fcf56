// Room: common/config. Parses settings files, TOML or JSON, into keys and texts. Knows the file
// formats; settings.cc knows the meaning of the keys. Free functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "common/base/error.h"

namespace fletbridge {

enum class EntryType { kString, kInteger, kBool, kOther };

struct FileEntry {
  std::string key;   // as it stands in the file
  std::string text;  // the value, without quotes
  EntryType type = EntryType::kString;
  int line = 0;  // counts from 1; 0 where the format does not tell (JSON)
};

// Each reads at most 1 MiB. The errors name the file, and the line where one is known.
// All keys of a TOML file.
[[nodiscard]] Result<std::vector<FileEntry>> ReadTomlSettings(const std::string& path);
// The keys of [tool.fletbridge]; none if the file has no such table.
[[nodiscard]] Result<std::vector<FileEntry>> ReadPyproject(const std::string& path);
// The members of a JSON file's one object.
[[nodiscard]] Result<std::vector<FileEntry>> ReadJsonSettings(const std::string& path);

// `[tool.flet.app] path` of a pyproject.toml: the folder, relative to the file's, that Flet's own
// commands take the app from. Empty if the file or the key is not there.
[[nodiscard]] std::string ReadFletAppPath(const std::string& path);

// The pyproject.toml in `folder` or the nearest above it; empty if there is none.
[[nodiscard]] std::string NearestPyproject(const std::string& folder);

// `name` and `version` of a pyproject.toml's [project]; empty where they are not there.
struct Project {
  std::string name, version;
};
[[nodiscard]] Project ReadProject(const std::string& path);

}  // namespace fletbridge
