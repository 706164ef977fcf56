// Room: common/platform. Tells that something has happened to a file or in a folder, by a
// descriptor. A system that has nothing of the kind, or has no watch left, gives none: then the
// caller looks by itself. One thread at a time.
#pragma once

#include <string>

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {

enum class FileEvent {
  kMadeInFolder,  // `path` is a folder; something new lies in it
  kOpened,        // by anybody
};

// Readable once it has happened since this call, until TakeFileEvents(). None: errno says why.
[[nodiscard]] UniqueFd WatchFile(const std::string& path, FileEvent event) noexcept;
// Never waits.
void TakeFileEvents(int watch) noexcept;

}  // namespace fletbridge::platform
