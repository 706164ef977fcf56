#include "src/recording/recording.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/stat.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"
#include "src/recording/segments.h"

namespace fletbridge::recording {
namespace {

Error CannotRead(const std::string& file, const std::string& why) {
  return MakeError(Errc::kUsage, "cannot read the recording " + file + ": " + why);
}

Result<Buffer> ReadFile(const std::string& file) try {
  // Does not block on a FIFO.
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return CannotRead(file, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return CannotRead(file, "it is no plain file");
  Buffer bytes(static_cast<std::size_t>(info.st_size));
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + at, bytes.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(file, std::strerror(errno));
    if (got == 0) break;  // it became shorter
    at += static_cast<std::size_t>(got);
  }
  return at == bytes.size() ? std::move(bytes) : Buffer(bytes.span().first(at));
} catch (const std::bad_alloc&) {
  return CannotRead(file, "it is larger than the memory");
}

}  // namespace

Result<wire::Message> MessageIn(const Entry& entry, const wire::Codec& codec) {
  return codec.Decode(SenderOf(entry.direction), entry.payload, wire::Reading::kLenient);
}

Result<Recording> Recording::Load(const std::string& file) {
  Result<Buffer> bytes = ReadFile(file);
  if (!bytes) return bytes.error();
  Recording recording;
  if (Result<> added = recording.Add(std::move(*bytes), file); !added)
    return CannotRead(file, added.error().Line());
  if (recording.beginning_missing()) {
    recording.flaws_.insert(recording.flaws_.begin(), "the beginning is missing: this is file " +
                                                          std::to_string(recording.info_.file) +
                                                          " of a longer recording");
  }
  for (const std::uint32_t number : SegmentsBeside(file)) {
    const std::string path = SegmentPath(file, number);
    Result<Buffer> more = ReadFile(path);
    if (!more) return more.error();
    if (Result<> added = recording.Add(std::move(*more), path); !added)
      recording.flaws_.push_back(path + " is left out: " + added.error().Line());
  }
  if (!recording.end_ && recording.flaws_.empty())
    recording.flaws_.push_back("it has no end: the host was killed, or is still running");
  return recording;
}

Result<Recording> Recording::FromBytes(Buffer bytes) {
  Recording recording;
  if (Result<> added = recording.Add(std::move(bytes), "it"); !added) return added.error();
  return recording;
}

Result<> Recording::Add(Buffer bytes, const std::string& name) {
  Result<RecordReader> reader = RecordReader::Open(bytes.span());
  if (!reader) return reader.error();
  const bool first = files_.empty();
  files_.push_back(std::move(bytes));  // its bytes stay where they are
  bool known = first;
  for (std::optional<Record> record; (record = reader->Next());) {
    last_ns_ = std::max(last_ns_, record->at_ns);
    const std::string_view text(reinterpret_cast<const char*>(record->content.data()),
                                record->content.size());
    Entry entry{.number = packets_,
                .at_ns = record->at_ns,
                .direction = record->direction,
                .type = record->type,
                .flags = record->flags,
                .payload = record->content};
    switch (record->kind) {
      case RecordKind::kInfo: {
        Info info = known ? info_ : Info();
        if (!ReadInfo(text, info)) break;
        if (!known) {
          if (info.id != info_.id)
            return MakeError(Errc::kUsage, "it belongs to another recording");
          if (info.file != last_file_ + 1) {
            entry.kind = Entry::Kind::kGap;
            entries_.push_back(entry);
            flaws_.push_back("files " + std::to_string(last_file_ + 1) + " to " +
                             std::to_string(info.file - 1) +
                             " are missing: they were removed to keep the limit");
          }
          known = true;
        }
        last_file_ = info.file;
        info.file = first ? info.file : info_.file;
        info_ = std::move(info);
        break;
      }
      case RecordKind::kPacket:
        entry.number = ++packets_;
        entries_.push_back(entry);
        break;
      case RecordKind::kSession:
        entry.kind = Entry::Kind::kSession;
        entries_.push_back(entry);
        break;
      case RecordKind::kState:
        entry.kind = Entry::Kind::kState;
        entries_.push_back(entry);
        break;
      case RecordKind::kEnd:
        end_ = ReadEnd(text);
        break;
    }
  }
  if (!reader->damage().empty())
    flaws_.push_back(first ? reader->damage() : name + ": " + reader->damage());
  return {};
}

}  // namespace fletbridge::recording
