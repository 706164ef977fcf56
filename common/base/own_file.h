// Room: common/base. Files that we write at a path named by the user or a setting: reports,
// recordings, trees. Other users may write to the same folder, such as /tmp, so an existing name
// may be a trap: a link to another place, or a file or a FIFO that somebody else holds open.
//
// An existing file of another user is refused; a file is always created anew, so nobody else has
// it open. A FIFO or a device, which may be intended (`--report >(jq .)`, /dev/stdout), is written
// to if its owner is trusted, and no write waits forever.
//
// Errors are kUsage if another path would help, else the system's; their context is the reason
// alone: "it is a folder". Free functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/platform/unique_fd.h"

namespace fletbridge {

enum class OwnFileKind {
  kNew,     // nothing is there
  kFile,    // a file that we may put another in place of
  kStream,  // a FIFO, a device, or one of our own descriptors
};

struct OwnFile {
  OwnFileKind kind = OwnFileKind::kNew;
  std::string path;  // behind all symbolic links
};

// Whether we may write there, as far as can be known now.
[[nodiscard]] Result<OwnFile> LookAtOwnFile(const std::string& path);

// Makes a file that was not there before, in place of one of ours, or opens a stream. `mode` is
// restricted by the umask. A FIFO that nobody reads is refused.
[[nodiscard]] Result<UniqueFd> CreateOwnFile(const std::string& path, unsigned mode);

// Writes the file whole or not at all: a reader never sees half of it, and a full disk leaves what
// was there. Waits for the disk; for a stream's reader as long as it reads anything at all.
[[nodiscard]] Result<> WriteOwnFile(const std::string& path, std::string_view text,
                                    unsigned mode = 0666);

}  // namespace fletbridge
