// Room: src/ui/web. The files that browsers upload, into the folder that the app has named. A file
// comes into the folder whole or not at all: its bytes go to a temporary one there, which then
// takes its name. What a killed process has left of those is removed when uploads begin.
//
// Bounds: kMostUploads at a time, and the app's bound of a file's bytes (at most kMostBytes).
//
// Threads: the EventLoop's; the disk is waited for on a thread of this object.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "src/ui/web/upload_url.h"

namespace fletbridge::web {

inline constexpr int kMostUploads = 64;
// Where the app names no bound.
inline constexpr std::uint64_t kMostUploadBytes = std::uint64_t{16} << 30;

// One file. Destroyed before Finish() has succeeded, it leaves nothing.
class Upload {
 public:
  using Done = std::function<void(UploadAnswer)>;
  virtual ~Upload() = default;
  // One call at a time: `done` is called later, on the loop; anything but 200 is the end of it.
  virtual void Write(std::string bytes, Done done) = 0;
  virtual void Finish(Done done) = 0;
};

class Uploads {
 public:
  explicit Uploads(EventLoop& loop);
  ~Uploads();  // what is under way is discarded

  void SetTerms(UploadTerms terms);
  [[nodiscard]] const UploadTerms& terms() const { return terms_; }
  // `name`: relative to the folder. Null: there are too many at a time.
  [[nodiscard]] std::unique_ptr<Upload> Begin(std::string name);

 private:
  struct Disk;
  class One;
  EventLoop& loop_;
  UploadTerms terms_;
  const std::shared_ptr<Disk> disk_;
};

}  // namespace fletbridge::web
