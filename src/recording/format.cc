#include "src/recording/format.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <boost/crc.hpp>
#include <nlohmann/json.hpp>

namespace fletbridge::recording {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMagic =
    "\x89"
    "FLREC\r\n";
constexpr std::size_t kFrameBytes = 8;   // length and checksum
constexpr std::size_t kFixedBytes = 9;   // kind and time
constexpr std::size_t kPacketBytes = 4;  // direction, type, flags

using TableCrc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

#if defined(__x86_64__)
// The processor's own instruction: the table took most of the writer's time for large packets.
__attribute__((target("sse4.2"))) std::uint32_t FastCrc32c(std::uint32_t crc,
                                                           std::span<const std::byte> bytes) {
  std::uint64_t wide = crc;
  while (bytes.size() >= sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
    bytes = bytes.subspan(sizeof word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (const std::byte byte : bytes)
    crc = __builtin_ia32_crc32qi(crc, std::to_integer<std::uint8_t>(byte));
  return crc;
}
#endif

// Of a record's length and of what follows the checksum.
std::uint32_t Checksum(std::span<const std::byte> length, std::span<const std::byte> body) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2") != 0;
  if (fast) return ~FastCrc32c(FastCrc32c(0xFFFFFFFF, length), body);
#endif
  TableCrc32c crc;
  crc.process_bytes(length.data(), length.size());
  crc.process_bytes(body.data(), body.size());
  return static_cast<std::uint32_t>(crc.checksum());
}

template <class T>
void Put(std::string& out, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<char>(bits & 0xff));
    bits = static_cast<decltype(bits)>(static_cast<std::uint64_t>(bits) >> 8);
  }
}

template <class T>
T Get(std::span<const std::byte> in) {
  std::uint64_t value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;)
    value = value << 8 | std::to_integer<std::uint64_t>(in[i]);
  return static_cast<T>(value);
}

std::string Text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <class T>
void Take(const Json& json, const char* key, T& into) {
  const auto found = json.find(key);
  if (found == json.end()) return;
  if constexpr (std::is_same_v<T, std::string>) {
    if (found->is_string()) into = found->get<std::string>();
  } else if constexpr (std::is_integral_v<T>) {
    if (found->is_number_integer()) into = found->get<T>();
  } else {
    if (!found->is_array()) return;
    into.clear();
    for (const Json& item : *found) {
      if (item.is_string()) into.push_back(item.get<std::string>());
    }
  }
}

// The fields in both directions.
template <class I, class F>
void ForEachField(I& info, F&& field) {
  field("id", info.id);
  field("file", info.file);
  field("started_unix_ns", info.started_unix_ns);
  field("fletbridge", info.fletbridge);
  field("flet", info.flet);
  field("python", info.python);
  field("interpreter", info.interpreter);
  field("generation", info.generation);
  field("client_generation", info.client_generation);
  field("stage", info.stage);
  field("transport", info.transport);
  field("hosting", info.hosting);
  field("ui", info.ui);
  field("platform", info.platform);
  field("script", info.script);
  field("module", info.module);
  field("folder", info.folder);
  field("arguments", info.arguments);
  field("redact", info.redact);
  field("replay_of", info.replay_of);
  field("expect_crash", info.expect_crash);
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);  // paths may be no UTF-8
}

}  // namespace

std::string Header() {
  std::string header(kMagic);
  Put(header, kFormatVersion);
  return header;
}

void AppendRecord(std::string& out, RecordKind kind, std::int64_t at_ns, std::string_view content,
                  std::span<const std::byte> payload) {
  const std::size_t begin = out.size();
  Put(out, static_cast<std::uint32_t>(kFixedBytes + content.size() + payload.size()));
  Put(out, std::uint32_t{0});
  Put(out, static_cast<std::uint8_t>(kind));
  Put(out, at_ns);
  out.append(content);
  out.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  const auto record = std::as_bytes(std::span(out).subspan(begin));
  std::string checksum;
  Put(checksum, Checksum(record.first(4), record.subspan(kFrameBytes)));
  out.replace(begin + 4, 4, checksum);
}

void AppendPacket(std::string& out, std::int64_t at_ns, Direction direction, PacketType type,
                  std::uint8_t flags, std::span<const std::byte> payload) {
  std::string content;
  Put(content, static_cast<std::uint8_t>(direction));
  Put(content, static_cast<std::uint16_t>(type));
  Put(content, flags);
  AppendRecord(out, RecordKind::kPacket, at_ns, content, payload);
}

std::string InfoJson(const Info& info) {
  Json json;
  ForEachField(info, [&](const char* key, const auto& value) {
    using Field = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_same_v<Field, int>) {  // a generation, of which 0 is one
      if (value >= 0) json[key] = value;
    } else if constexpr (std::is_integral_v<Field>) {
      if (value != 0) json[key] = value;
    } else if (!value.empty()) {
      json[key] = value;
    }
  });
  return Dump(json.is_null() ? Json::object() : json);
}

bool ReadInfo(std::string_view text, Info& info) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return false;
  ForEachField(info, [&](const char* key, auto& value) { Take(json, key, value); });
  return true;
}

std::string EndJson(const End& end) { return Dump({{"code", end.code}, {"reason", end.reason}}); }

std::optional<End> ReadEnd(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  End end;
  Take(json, "code", end.code);
  end.reason = Text(json, "reason");
  return end;
}

Result<RecordReader> RecordReader::Open(std::span<const std::byte> file) {
  const std::string header = Header();
  const std::string_view begin(reinterpret_cast<const char*>(file.data()),
                               std::min(file.size(), header.size()));
  const std::size_t magic = std::min(begin.size(), kMagic.size());
  if (begin.substr(0, magic) != kMagic.substr(0, magic))
    return MakeError(Errc::kUsage, "it is no recording of fletbridge");
  RecordReader reader(file);
  if (begin.size() < header.size()) {
    reader.file_ = {};
    reader.damage_ = "it was cut within its first bytes";
    return reader;
  }
  const auto version = Get<std::uint32_t>(file.subspan(kMagic.size(), 4));
  if (version != kFormatVersion) {
    return MakeError(Errc::kUsage, "it is of version " + std::to_string(version) +
                                       " of the format, this fletbridge reads version " +
                                       std::to_string(kFormatVersion));
  }
  reader.offset_ = kHeaderBytes;
  return reader;
}

std::optional<Record> RecordReader::Next() {
  while (damage_.empty() && offset_ < file_.size()) {
    const std::span<const std::byte> rest = file_.subspan(offset_);
    const auto cut = [&] {
      damage_ = "it was cut within a record, at byte " + std::to_string(file_.size());
    };
    if (rest.size() < kFrameBytes) return cut(), std::nullopt;
    const std::size_t length = Get<std::uint32_t>(rest);
    if (length > rest.size() - kFrameBytes) return cut(), std::nullopt;
    const std::span<const std::byte> body = rest.subspan(kFrameBytes, length);
    if (length < kFixedBytes ||
        Checksum(rest.first(4), body) != Get<std::uint32_t>(rest.subspan(4))) {
      damage_ = "it is damaged at byte " + std::to_string(offset_);
      return std::nullopt;
    }
    Record record;
    record.kind = static_cast<RecordKind>(std::to_integer<std::uint8_t>(body[0]));
    record.at_ns = Get<std::int64_t>(body.subspan(1, 8));
    record.content = body.subspan(kFixedBytes);
    if (record.kind == RecordKind::kPacket) {
      // The type has two bytes in the file, of which the upper one is 0.
      if (record.content.size() < kPacketBytes || record.content[0] > std::byte{1} ||
          Get<std::uint16_t>(record.content.subspan(1, 2)) > 0xff) {
        damage_ = "it holds a packet without a head, at byte " + std::to_string(offset_);
        return std::nullopt;
      }
      record.direction = static_cast<Direction>(std::to_integer<std::uint8_t>(record.content[0]));
      record.type = static_cast<PacketType>(Get<std::uint16_t>(record.content.subspan(1, 2)));
      record.flags = std::to_integer<std::uint8_t>(record.content[3]);
      record.content = record.content.subspan(kPacketBytes);
    }
    offset_ += kFrameBytes + length;
    // A kind that a later version has added is passed over.
    if (record.kind >= RecordKind::kInfo && record.kind <= RecordKind::kEnd) return record;
  }
  return std::nullopt;
}

}  // namespace fletbridge::recording
