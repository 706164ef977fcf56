// Room: src/clients. The clients that the person has added: each with the SHA-256 of its content
// at that time, so that one which has changed since is refused. Kept in one file of the user's own
// ($XDG_DATA_HOME/fletbridge/clients.json). Free functions; one thread at a time for one file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace fletbridge {

struct ClientPin {
  std::string folder;   // absolute
  std::string version;  // as FletClient has it
  int generation = 0;
  std::string sha256;  // ContentOf() when it was added
  std::string traces;  // TracesOf() when the content was last seen to be that
};

// No file: no pins. One that cannot be read is an error: what was pinned must not be forgotten.
[[nodiscard]] Result<std::vector<ClientPin>> ReadPins(const std::string& file);
// Writes whole or not at all.
[[nodiscard]] Result<> WritePins(const std::string& file, const std::vector<ClientPin>& pins);

// Adds the client in `folder`, or takes its content of now for one that was added before.
[[nodiscard]] Result<ClientPin> PinClient(const std::string& file, ClientPin pin);

// What the folder's content is now, if it is another than the pinned one. With `thorough` it reads
// all; else only if sizes or times have changed since it was last read.
[[nodiscard]] Result<std::optional<std::string>> ChangedContent(const ClientPin& pin,
                                                                bool thorough);

// One line for a client that has changed.
[[nodiscard]] Error PinBroken(const ClientPin& pin, const std::string& now);

}  // namespace fletbridge
