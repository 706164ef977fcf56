// Room: src/recording. Writes a session to a file while it runs. The host gives it each packet
// as it comes by; a thread of its own masks and writes, so that a slow disk never holds the
// session. What waits is bounded; if the disk cannot keep up or is full, the recording stops with
// one line and the app goes on. Memory is used again while packets come, and given up in silence.
//
// Threads: Open() before others start; the methods from any one thread at a time. They copy, and
// never wait, but for Close().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/transport/packet.h"
#include "src/recording/format.h"

namespace fletbridge::recording {

inline constexpr std::uint64_t kLeastLimit = std::uint64_t{64} << 10;

struct RecorderOptions {
  std::string file;
  std::uint64_t limit_bytes = std::uint64_t{64} << 20;  // of all files together
  std::vector<std::string> redact;                      // see Redactor
  std::size_t most_waiting = std::size_t{32} << 20;     // bytes; one packet more is taken
};

// Whether a recording could be written there (common/base/own_file.h). A file that is there and no
// recording of ours is refused; one that is, is replaced by a new file.
[[nodiscard]] Result<> CheckRecordingPath(const std::string& file);

class Recorder {
 public:
  // Opens FILE and removes what an earlier recording has left beside it. `info` is completed with
  // an id and the time.
  [[nodiscard]] static Result<std::unique_ptr<Recorder>> Open(RecorderOptions options, Info info);
  ~Recorder();  // as Close(), with no end written
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void Take(Direction direction, const Packet& packet) noexcept;
  // The client has gone: packets that follow belong to another session. A recording without any
  // ends with the last page, whichever side has gone first.
  void NewSession() noexcept;
  // More is known than at the start.
  void Tell(const Info& info) noexcept;
  // Writes what waits and the end, waits at most so long.
  void Close(const End& end, std::chrono::milliseconds deadline) noexcept;

 private:
  struct Writer;
  explicit Recorder(std::shared_ptr<Writer> writer) : writer_(std::move(writer)) {}

  std::shared_ptr<Writer> writer_;  // shared with its thread, which may outlive this
  bool session_is_over_ = false;
};

}  // namespace fletbridge::recording
