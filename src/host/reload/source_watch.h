// Room: src/host/reload. Watches an app's sources: its folder, what is below, and where its script
// is a link to. Folders and links that come later are watched as well; where the system's watches
// are used up it looks at the files' times instead, and says so.
//
// Threads: one of its own, which reads the disk and makes the calls; the rest by one thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fletbridge::reload {

struct WatchOptions {
  std::string folder;                           // absolute
  std::string script;                           // absolute; counts whatever its name; or empty
  bool recursive = false;                       // with what is below the folder
  std::vector<std::string> ignored, own_files;  // as WatchRules has them
  bool looks = false;                           // as where the system has no watches
  std::chrono::milliseconds look_every{500};
};

class SourceWatch {
 public:
  // What is saved from now on is told, by `saved` on the watch's own thread: the absolute path of
  // a file or folder.
  SourceWatch(WatchOptions options, std::function<void(const std::string& path)> saved);
  // Nothing is told afterwards. Waits for the thread, which may be reading a folder.
  ~SourceWatch();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fletbridge::reload
