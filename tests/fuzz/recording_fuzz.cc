// Room: tests/fuzz. Reads recordings that strangers wrote, as inspect, diff and replay do: they are
// read up to where they are damaged, compared, and played to an app that says what was recorded;
// errors are one line, and nothing grows beyond the file.
//
// An input: a file; its checksums are put right first, so that mutations reach what lies behind.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "src/recording/diff/report.h"
#include "src/recording/readable.h"
#include "src/recording/recording.h"
#include "src/recording/replay/script.h"

namespace {

using namespace fletbridge;
using namespace fletbridge::recording;

void Require(bool holds) {
  if (!holds) std::abort();
}

// The records that the lengths tell, each with the checksum it should have.
std::string WithChecksums(std::string_view file) {
  std::string out(file.substr(0, kHeaderBytes));
  file.remove_prefix(out.size());
  while (file.size() >= 17) {
    std::size_t length = 0;
    for (std::size_t i = 4; i-- > 0;) length = length << 8 | static_cast<std::uint8_t>(file[i]);
    if (length < 9 || length > file.size() - 8) break;
    const std::string_view body = file.substr(8, length);
    std::uint64_t at_ns = 0;
    for (std::size_t i = 8; i-- > 0;) at_ns = at_ns << 8 | static_cast<std::uint8_t>(body[1 + i]);
    AppendRecord(out, static_cast<RecordKind>(body[0]), static_cast<std::int64_t>(at_ns),
                 body.substr(9));
    file.remove_prefix(8 + length);
  }
  return out.append(file);
}

void Play(const Recording& recording) {
  const diff::Mask mask;
  replay::Clock::time_point now{};
  replay::Script script(recording, mask, {}, {[](Packet) {}, [] {}});
  const auto advance = [&] {
    for (int turns = 0; turns < 64; ++turns) {
      const auto next = script.Advance(now);
      if (!next) return;
      now = *next;
    }
  };
  advance();
  for (const Entry& entry : recording.entries()) {
    if (entry.kind != Entry::Kind::kPacket || entry.direction != Direction::kToUi) continue;
    if (Result<> taken = script.Take({entry.type, Buffer(entry.payload)}, now); !taken) {
      Require(!taken.error().Line().empty());
      break;
    }
    advance();
  }
  static_cast<void>(diff::Headline(script.Verdict()));
}

void Read(std::string_view bytes) {
  Result<Recording> recording = Recording::FromBytes(Buffer(bytes));
  if (!recording) {
    Require(!recording.error().Line().empty());
    return;
  }
  std::size_t size = 0;
  for (const Entry& entry : recording->entries()) size += entry.payload.size();
  Require(size <= bytes.size());
  const diff::Mask mask;
  const diff::Track track = diff::TrackOf(*recording);
  const diff::Comparison same = diff::Compare(track, track, mask);
  static_cast<void>(diff::JsonReport(same, {"a", recording->info()}, {"b", recording->info()}));
  Play(*recording);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Read(bytes);
  Read(WithChecksums(bytes));
  return 0;
}
