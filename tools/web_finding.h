// Room: tools. What `fletbridge doctor` says of `--ui web`: Flet's web client, the port, uploads.
#pragma once

#include <cstdint>
#include <string>

#include "tools/toolbox.h"

namespace fletbridge {

struct WebFinding {
  std::string client;           // the folder of Flet's web client; or
  std::string client_obstacle;  // why there is none, and what to do
  std::string version;          // of that client; empty: unknown
  std::string version_note;     // why it may not fit the app's Flet
  std::uint16_t port = 0;       // that a run takes
  std::string port_obstacle;    // why it cannot
  bool has_key = false;         // FLET_SECRET_KEY is set; the app may set it too
  std::string upload_dir;       // FLET_UPLOAD_DIR; empty: the app may name one
  std::string upload_obstacle;  // why nothing can be put there

  [[nodiscard]] bool ok() const { return client_obstacle.empty() && port_obstacle.empty(); }
};

// Binds the port for a moment. `flet_package`, `flet_version`: the app's; empty: none.
[[nodiscard]] WebFinding LookForWeb(const Toolbox& tools, const std::string& flet_package,
                                    const std::string& flet_version);

}  // namespace fletbridge
