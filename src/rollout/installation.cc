#include "src/rollout/installation.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "src/rollout/state_folder.h"

namespace fletbridge {
namespace {

std::string RandomId() {
  unsigned char bytes[16] = {};
  // Cannot be cut short nor fail for so few bytes once the machine has started.
  (void)!::getrandom(bytes, sizeof bytes, 0);
  std::string id;
  for (const unsigned char byte : bytes) {
    id += "0123456789abcdef"[byte >> 4];
    id += "0123456789abcdef"[byte & 15];
  }
  return id;
}

bool IsId(const std::string& text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string Stored(const std::string& path) {
  Result<std::string> text = ReadSmallFile(path, 256);
  if (!text) return {};
  text->erase(std::min(text->find('\n'), text->size()));
  return IsId(*text) ? *text : std::string();
}

}  // namespace

Installation PeekInstallation(const std::string& folder) {
  const std::string id = Stored(folder + "/installation-id");
  return {id, !id.empty(), {}};
}

Installation FindInstallation(const std::string& folder) {
  if (folder.empty()) return {RandomId(), false, "neither XDG_STATE_HOME nor HOME is set"};
  const std::string path = folder + "/installation-id";
  if (const std::string id = Stored(path); !id.empty()) return {id, true, {}};
  if (Result<> made = MakeFolder(folder); !made) return {RandomId(), false, made.error().Line()};
  const std::string id = RandomId();
  // Written whole beside it, then linked: of two that start at once the second finds the first's.
  const std::string part = path + "." + id.substr(0, 8);
  if (Result<> written = ReplaceFile(part, id + "\n", true); !written)
    return {id, false, written.error().Line()};
  const bool first = ::link(part.c_str(), path.c_str()) == 0;
  const int why = errno;
  if (!first && why != EEXIST) {  // a file system without links
    if (::rename(part.c_str(), path.c_str()) == 0) return {id, true, {}};
  }
  if (!first && why == EEXIST && Stored(path).empty()) {
    // The content is not an id: somebody has edited the file, or the disk has lost it.
    if (::rename(part.c_str(), path.c_str()) == 0) return {id, true, {}};
  }
  ::unlink(part.c_str());
  if (first) return {id, true, {}};
  if (const std::string other = Stored(path); !other.empty()) return {other, true, {}};
  return {id, false, "cannot write " + path + ": " + std::strerror(why)};
}

}  // namespace fletbridge
