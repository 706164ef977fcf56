// Room: src/recording. The bytes of a recording, as docs/recording.md describes them: a header,
// then records that each carry their length and a checksum, so that whatever was written before a
// kill or a cut can be read. Knows nothing of files and threads.
//
//   header   89 46 4c 52 45 43 0d 0a  "\x89FLREC\r\n"     01 00 00 00  version
//   record   [u32 length of what follows the checksum][u32 CRC-32C of the length and of that]
//            [u8 kind][i64 nanoseconds since the start][content]
//   packet   content = [u8 direction][u16 type][u8 flags][payload]
//
// All numbers are little-endian. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/transport/packet.h"
#include "common/wire/codec.h"

namespace fletbridge::recording {

inline constexpr std::size_t kHeaderBytes = 12;
inline constexpr std::uint32_t kFormatVersion = 1;

enum class RecordKind : std::uint8_t {
  kInfo = 1,     // JSON: what is known of the session; a later one adds to it
  kPacket = 2,   // one packet, at the moment when it came to the host
  kSession = 3,  // the client has gone: what follows belongs to the next one. No content
  kState = 4,    // MessagePack: the page as it stood, at the start of a later file
  kEnd = 5,      // JSON: {"code": 0, "reason": "..."}; the recording was ended, not cut
};

enum class Direction : std::uint8_t { kToApp = 0, kToUi = 1 };
[[nodiscard]] inline Sender SenderOf(Direction direction) noexcept {
  return direction == Direction::kToUi ? Sender::kApp : Sender::kClient;
}

// Flags of a packet.
inline constexpr std::uint8_t kMasked = 1;    // values in it were replaced
inline constexpr std::uint8_t kWithheld = 2;  // it could not be read, so its content is left out

// What a recording tells of its session. Empty texts and zeros are unknown.
struct Info {
  std::string id;          // of the recording; the same in all of its files
  std::uint32_t file = 0;  // 0 for FILE, n for FILE.n
  std::int64_t started_unix_ns = 0;
  std::string fletbridge;
  std::string flet;
  std::string python;
  std::string interpreter;  // its path
  int generation = -1;      // of the wire, as the app speaks it; -1: unknown
  int client_generation = -1;
  std::string stage;
  std::string transport;
  std::string hosting;
  std::string ui;
  std::string platform;  // "Linux 6.1 x86_64"
  std::string script;    // absolute path, or
  std::string module;
  std::string folder;  // the working directory
  std::vector<std::string> arguments;
  std::vector<std::string> redact;        // what was left out, besides passwords
  std::string replay_of;                  // the recording whose input this run was given
  std::vector<std::string> expect_crash;  // parts of what the app was expected to raise
};

[[nodiscard]] inline const wire::Codec& CodecOf(const Info& info) noexcept {
  return wire::CodecOrNewest(static_cast<Generation>(info.generation));
}

struct End {
  int code = 0;
  std::string reason;
};

[[nodiscard]] std::string Header();
// `content` in two parts, so that a payload need not be copied first.
void AppendRecord(std::string& out, RecordKind kind, std::int64_t at_ns, std::string_view content,
                  std::span<const std::byte> payload = {});
void AppendPacket(std::string& out, std::int64_t at_ns, Direction direction, PacketType type,
                  std::uint8_t flags, std::span<const std::byte> payload);

[[nodiscard]] std::string InfoJson(const Info& info);
[[nodiscard]] std::string EndJson(const End& end);
// Adds what the JSON says to `info`. False if it is no object of this kind.
[[nodiscard]] bool ReadInfo(std::string_view json, Info& info);
[[nodiscard]] std::optional<End> ReadEnd(std::string_view json);

// One record, in the bytes that were given to the reader.
struct Record {
  RecordKind kind = RecordKind::kInfo;
  std::int64_t at_ns = 0;
  Direction direction = Direction::kToApp;  // these three: kPacket
  PacketType type = PacketType::kControl;
  std::uint8_t flags = 0;
  std::span<const std::byte> content;  // a packet's payload
};

// Reads one record after another from the bytes of a whole file.
class RecordReader {
 public:
  // The bytes must outlive it. An error if they are no recording, or of a later version; a header
  // that is cut off is none.
  [[nodiscard]] static Result<RecordReader> Open(std::span<const std::byte> file);

  // The next record of a known kind, or none at the end.
  [[nodiscard]] std::optional<Record> Next();

  // After the last: where reading ended, and what is wrong there; empty if nothing is.
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] const std::string& damage() const noexcept { return damage_; }

 private:
  explicit RecordReader(std::span<const std::byte> file) : file_(file) {}

  std::span<const std::byte> file_;
  std::size_t offset_ = 0;
  std::string damage_;
};

}  // namespace fletbridge::recording
