// Room: src/clients. Which of Flet's desktop clients there are on this machine, and which one a
// run takes. Called by src/host and by `fletbridge client`. Any thread; reads the disk, and
// ChooseClient() may unpack.
//
// In this order: the one that is asked for, $FLET_VIEW_PATH (a folder with our own `flet` in it is
// no client), the archive in the flet-desktop package beside the app's own flet, those that were
// added by hand, and those that Flet itself has unpacked below ~/.flet.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "src/clients/client_folder.h"

namespace fletbridge {

struct ClientSearch {
  std::string asked;         // --flet-client: a folder or an archive; empty for none
  std::string view_path;     // $FLET_VIEW_PATH
  std::string flet_package;  // the folder of the app's package `flet`; empty: it is not known
  std::string flet_home;     // ~/.flet
  std::string store;         // where archives are unpacked
  std::string pins;          // the file of those that were added
  // Of the app, -1 if it is unknown: a client of the same is taken first. JSON, generation 1, is
  // not translated, so such an app takes its own client alone, and no other app takes that.
  int generation = -1;
};

// With the places that the environment names. `variable` returns an empty text for one not set.
[[nodiscard]] ClientSearch SearchFrom(const std::function<std::string(const char* name)>& variable);

// All there are, those with an obstacle as well. Unpacks nothing.
[[nodiscard]] Result<std::vector<FletClient>> FindClients(const ClientSearch& search);

// The one to take, which may be an archive still; a pinned one has been checked. The error says
// what to do.
[[nodiscard]] Result<FletClient> PickClient(const ClientSearch& search);

// The one to take, unpacked; a pinned one has been checked. The error says what to do.
[[nodiscard]] Result<FletClient> ChooseClient(const ClientSearch& search);

// A folder or an archive, unpacked.
[[nodiscard]] Result<FletClient> OpenClient(const ClientSearch& search, const std::string& path,
                                            const std::string& source);

}  // namespace fletbridge
