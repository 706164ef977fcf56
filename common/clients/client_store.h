// Room: common/clients. Clients that came as archives, unpacked once into a cache of the user's own
// ($XDG_CACHE_HOME/fletbridge/clients/<SHA-256 of the archive>), whole or not at all, however many
// runs want the same one at once. Free functions; any thread; they read and write the disk.
#pragma once

#include <string>

#include "common/base/error.h"

namespace fletbridge {

// The folder with the archive's content. Unpacks if that has not been done; the archive is read
// only when its size or time is not the one seen before.
[[nodiscard]] Result<std::string> UnpackedClient(const std::string& store,
                                                 const std::string& archive);

// The same, if it lies there already; else empty. Unpacks nothing.
[[nodiscard]] std::string UnpackedBefore(const std::string& store, const std::string& archive);

}  // namespace fletbridge
