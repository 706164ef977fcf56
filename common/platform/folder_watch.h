// Room: common/platform. Tells which files in any number of folders change, by a descriptor. A
// system that has nothing of the kind, or has no watch left, says so: then the caller looks by
// itself. One thread at a time.
#pragma once

#include <string>
#include <vector>

#include <boost/system/result.hpp>

#include "common/platform/unique_fd.h"

namespace fletbridge::platform {

struct FolderEvent {
  enum class What {
    kFile,    // was written, made, removed or renamed
    kFolder,  // the same of a folder in this one
    kGone,    // the watched folder itself has gone, and with it its watch
    kLost,    // more has happened than the system has kept
  };
  What what = What::kFile;
  int folder = -1;   // as Add() has numbered it; -1 for kLost
  std::string name;  // in that folder; empty for the last two
};

class FolderWatch {
 public:
  // The error is errno's: EMFILE and ENOSPC where the person's watches are used up.
  [[nodiscard]] static boost::system::result<FolderWatch> Make();

  // Readable while there are events; it is this object's.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // What lies directly in `path` from now on. A folder that is watched already keeps its number.
  [[nodiscard]] boost::system::result<int> Add(const std::string& path);
  // What has happened since the last call, some at a time; empty: nothing more. Never waits.
  [[nodiscard]] std::vector<FolderEvent> Take();

 private:
  explicit FolderWatch(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace fletbridge::platform
