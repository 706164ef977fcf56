// Room: src/clients. One unpacked desktop client of Flet: a folder with the engine, the app's
// compiled Dart code, its assets. Says whether it is whole, which wire generation it speaks, and
// what its content is. Free functions; any thread; they read the disk.
#pragma once

#include <string>

#include "common/base/error.h"

namespace fletbridge {

struct FletClient {
  std::string source;    // where it was found, for people: "--flet-client", "FLET_VIEW_PATH", ...
  std::string folder;    // with lib/ and data/ in it; empty while only the archive is there
  std::string archive;   // what it is unpacked from; empty for a folder
  std::string version;   // of Flet: "0.82.2"; empty if it cannot be told
  int generation = 0;    // of its wire format; 0 if it cannot be told
  std::string obstacle;  // why it cannot be taken; empty if it can

  [[nodiscard]] std::string engine() const { return folder + "/lib/libflutter_linux_gtk.so"; }
  [[nodiscard]] std::string app() const { return folder + "/lib/libapp.so"; }
  [[nodiscard]] std::string assets() const { return folder + "/data/flutter_assets"; }
  [[nodiscard]] std::string icu() const { return folder + "/data/icudtl.dat"; }
};

// The client in `folder`, or in its folder "flet" as Flet's archives have it. The version, if it is
// given, tells the generation; else the compiled code does (10 ms), or at last the folder's name.
[[nodiscard]] FletClient LookAtClient(const std::string& folder, std::string source,
                                      std::string version = {});

// The generation that a version of Flet speaks; 0 if it cannot be told.
[[nodiscard]] int GenerationOfVersion(const std::string& version);

// The version in a name such as "flet-desktop-light-0.82.2"; empty if there is none.
[[nodiscard]] std::string VersionInName(const std::string& name);

// SHA-256 over the names and contents of all files below `folder`.
[[nodiscard]] Result<std::string> ContentOf(const std::string& folder);
// The same over their sizes and times: changes whenever somebody may have changed a file.
[[nodiscard]] Result<std::string> TracesOf(const std::string& folder);

}  // namespace fletbridge
