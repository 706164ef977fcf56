// Room: common/base. Files that we write where a person, or a setting, has said: reports,
// recordings, trees. The folder may be one in which other users write too, such as /tmp, so a name
// in it may be a trap: a link that leads elsewhere, a file or a FIFO that somebody else holds open.
//
// What is there and belongs to somebody else is refused; a file is always made anew, so that nobody
// has it open; and a FIFO or a device, which may well be meant (`--report >(jq .)`, /dev/stdout),
// is written to if its owner may be trusted, and never waited for without an end.
//
// Errors are kUsage for what the person can name otherwise, else the system's; their context is the
// reason alone: "it is a folder". Free functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/unique_fd.h"

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
