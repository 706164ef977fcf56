// Room: src/clients. Clients that came as archives, unpacked once into a cache of the user's own
// ($XDG_CACHE_HOME/fletbridge/clients/<SHA-256 of the archive>), whole or not at all, however many
// runs want the same one at once. What lies there is loaded as code, so a store that another user
// has made, or could write to, is refused. Free functions; any thread; they read and write the
// disk.
#pragma once

#include <string>

#include "common/base/error.h"

namespace fletbridge {

// The folder with the archive's content. Unpacks if that has not been done; the archive is read
// only when its size or time is not the one seen before.
[[nodiscard]] Result<std::string> UnpackedClient(const std::string& store,
                                                 const std::string& archive);

// The same, if it lies there already and may be taken; else empty. Unpacks nothing.
[[nodiscard]] std::string UnpackedBefore(const std::string& store, const std::string& archive);

// The same by the archive's SHA-256.
[[nodiscard]] std::string UnpackedBySum(const std::string& store, const std::string& sha256);

// Why a client's folder cannot be taken for one that only this user, or root, has written; empty if
// it can. `ours_alone`: nor may the members of its group write there.
[[nodiscard]] std::string WhoElseWrites(const std::string& folder, bool ours_alone);

}  // namespace fletbridge
