// Room: src/recording. A recording as a whole, read from its files: what it tells of itself, its
// packets in their order, and where something is missing. Reads whatever was written before a kill
// or a cut. A value; any thread, one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/wire/codec.h"
#include "src/recording/format.h"

namespace fletbridge::recording {

struct Entry {
  enum class Kind {
    kPacket,
    kSession,  // the client has gone, another comes
    kState,    // the page as it stood: a file after a gap begins with it
    kGap,      // files are missing here
  };
  Kind kind = Kind::kPacket;
  std::size_t number = 0;  // of the packet, from 1; of others, that of the packet before
  std::int64_t at_ns = 0;
  Direction direction = Direction::kToApp;
  PacketType type = PacketType::kControl;
  std::uint8_t flags = 0;
  std::span<const std::byte> payload;  // lies in the Recording
};

// The message that a packet of a control type holds, as one who looks on reads it.
[[nodiscard]] Result<wire::Message> MessageIn(const Entry& entry, const wire::Codec& codec);

class Recording {
 public:
  // FILE and what belongs to it: FILE.1, FILE.2, ... An error only if there is nothing to read.
  [[nodiscard]] static Result<Recording> Load(const std::string& file);
  // One file's bytes.
  [[nodiscard]] static Result<Recording> FromBytes(Buffer bytes);

  [[nodiscard]] const Info& info() const noexcept { return info_; }
  // What its packets are written in.
  [[nodiscard]] const wire::Codec& codec() const noexcept { return CodecOf(info_); }
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }
  [[nodiscard]] std::size_t packets() const noexcept { return packets_; }
  // Written when the recording was ended in order.
  [[nodiscard]] const std::optional<End>& end() const noexcept { return end_; }
  [[nodiscard]] std::int64_t duration_ns() const noexcept { return last_ns_; }
  // What is not as it should be, one sentence each: cut, damaged, files missing.
  [[nodiscard]] const std::vector<std::string>& flaws() const noexcept { return flaws_; }
  // The registration is not in it, so it can be read but not replayed.
  [[nodiscard]] bool beginning_missing() const noexcept { return info_.file != 0; }

 private:
  Result<> Add(Buffer bytes, const std::string& name);

  Info info_;
  std::vector<Buffer> files_;
  std::vector<Entry> entries_;
  std::size_t packets_ = 0;
  std::optional<End> end_;
  std::int64_t last_ns_ = 0;
  std::uint32_t last_file_ = 0;
  std::vector<std::string> flaws_;
};

}  // namespace fletbridge::recording
