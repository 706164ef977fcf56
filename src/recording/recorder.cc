#include "src/recording/recorder.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <random>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "common/base/own_file.h"
#include "common/platform/threads.h"
#include "common/platform/unique_fd.h"
#include "src/recording/redactor.h"
#include "src/recording/segments.h"

namespace fletbridge::recording {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// Packets of one moment are written together; a kill costs at most what came in this time.
constexpr auto kGather = 10ms;
constexpr std::size_t kEnough = std::size_t{1}
                                << 20;  // bytes that are written without waiting for more
// How long the writer polls for more before it sleeps: waking it costs the sender of a packet some
// 10 us. Asleep it costs nothing, for an idle app.
constexpr int kLingerTurns = 50;
// The number of files that share the limit.
constexpr std::uint64_t kFiles = 8;
constexpr std::uint64_t kPacketHead = 32;  // what a packet takes beside its payload, at most
// Packets wait in blocks, which are used again once they are written: fresh memory comes from the
// kernel page by page, which costs several times what copying does (tests/bench/recorder_cost.cc).
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;  // or one packet that is larger
constexpr std::size_t kMostSpare = std::size_t{16} << 20;  // bytes of blocks that wait for use

Error CannotRecord(const std::string& file, const std::string& why) {
  return MakeError(Errc::kUsage, "cannot record to " + file + ": " + why + "; name another file");
}

// Whether a file of ours begins as a recording, or is empty. Follows no link, and does not block on
// a FIFO.
bool IsRecordingOfOurs(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != ::geteuid())
    return false;
  if (info.st_size == 0) return true;
  char begin[kHeaderBytes];
  const ssize_t size = ::read(fd.get(), begin, sizeof begin);
  return size > 0 &&
         RecordReader::Open(std::as_bytes(std::span(begin, static_cast<std::size_t>(size))));
}

std::string NewId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 16; ++i) id += "0123456789abcdef"[random() % 16];
  return id;
}

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<> CheckRecordingPath(const std::string& file) {
  const Result<OwnFile> place = LookAtOwnFile(file);
  if (!place) return CannotRecord(file, place.error().Line());
  if (place->kind == OwnFileKind::kFile && !IsRecordingOfOurs(place->path))
    return CannotRecord(file, "it is there and is no recording of yours");
  return {};
}

namespace {

bool IsPlainFile(const UniqueFd& fd) {
  struct stat info {};
  return ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode);
}

// No other process has the file open: it is new, or a stream that the user has named.
Result<UniqueFd> OpenFile(const std::string& file) {
  if (Result<> possible = CheckRecordingPath(file); !possible) return possible.error();
  Result<UniqueFd> fd = CreateOwnFile(file, 0600);
  if (!fd) return CannotRecord(file, fd.error().Line());
  return fd;
}

}  // namespace

struct Recorder::Writer {
  // What stands in a block before each content: a packet's payload, or JSON.
  struct Head {
    RecordKind kind = RecordKind::kPacket;
    Direction direction = Direction::kToApp;
    PacketType type = PacketType::kControl;
    std::int64_t at_ns = 0;
    std::size_t size = 0;
  };
  struct Block {
    Buffer memory;
    std::size_t used = 0;
  };

  Writer(RecorderOptions given, Info about)
      : options(std::move(given)),
        info(std::move(about)),
        file_bytes(std::max(options.limit_bytes, kLeastLimit) / kFiles),
        redactor(options.redact) {
    redactor.SpeakAs(CodecOf(info));
  }

  void Push(Head head, std::span<const std::byte> content) noexcept try {
    head.at_ns = Now();
    head.size = content.size();
    {
      const std::lock_guard lock(mutex);
      if (stopped || closing) return;
      const std::size_t bytes = sizeof head + content.size();
      // A single packet may exceed the bound, which does not mean that the disk is slow.
      const bool large = bytes > options.most_waiting;
      if (waiting_bytes - large_bytes > options.most_waiting || (large && large_bytes != 0)) {
        stopped = true;
        overrun = true;
      } else {
        if (large) large_bytes = bytes;
        Block& block = WithRoom(bytes);
        std::byte* const at = block.memory.data() + block.used;
        std::memcpy(at, &head, sizeof head);
        std::copy(content.begin(), content.end(), at + sizeof head);
        block.used += bytes;
        waiting_bytes += bytes;
      }
      if (!asleep) return;
      asleep = false;
    }
    changed.notify_all();
  } catch (const std::exception&) {  // no memory: recording stops, the app continues
    const std::lock_guard lock(mutex);
    stopped = true;
  }

  // Under mutex. The last block that waits, a spare or a new one. Of two blocks that follow one
  // another more than half is used, so that memory is bounded as bytes are.
  Block& WithRoom(std::size_t bytes) {
    if (!waiting.empty() && waiting.back().memory.size() - waiting.back().used >= bytes)
      return waiting.back();
    const auto fits = std::find_if(spare.rbegin(), spare.rend(), [&](const Block& block) {
      return block.memory.size() >= bytes;
    });
    if (fits == spare.rend())
      return waiting.emplace_back(Block{Buffer(std::max(bytes, kBlockBytes))});
    Block& block = waiting.emplace_back(std::move(*fits));
    spare_bytes -= block.memory.size();
    spare.erase(std::next(fits).base());
    return block;
  }

  void GiveBack(Block block) {
    block.used = 0;
    {
      const std::lock_guard lock(mutex);
      spare_bytes += block.memory.size();
      spare.push_back(std::move(block));
    }
    KeepSpare(kMostSpare);
  }

  void KeepSpare(std::size_t most_bytes) {
    std::vector<Block> dropped;  // freed outside of the lock
    const std::lock_guard lock(mutex);
    while (spare_bytes > most_bytes) {
      spare_bytes -= spare.back().memory.size();
      dropped.push_back(std::move(spare.back()));
      spare.pop_back();
    }
  }

  std::int64_t Now() const { return std::chrono::nanoseconds(Clock::now() - start).count(); }

  void Run() noexcept try {
    AppendRecord(text, RecordKind::kInfo, 0, InfoJson(info));
    if (!Write()) return Stop();
    int idle_turns = kLingerTurns;
    for (bool more = true; more;) {
      std::deque<Block> blocks;
      {
        std::unique_lock lock(mutex);
        const auto ends = [this] { return closing || stopped; };
        if (waiting.empty() && idle_turns >= kLingerTurns && !ends()) {
          asleep = true;
          changed.wait(lock, [&] { return !waiting.empty() || ends(); });
          asleep = false;
        }
        // Packets of one moment are written together.
        changed.wait_for(lock, kGather, [&] { return waiting_bytes > kEnough || ends(); });
        idle_turns = waiting.empty() ? idle_turns + 1 : 0;
        if (stopped) break;
        blocks.swap(waiting);
        waiting_bytes = large_bytes = 0;
        more = !closing;
      }
      for (Block& block : blocks) {
        if (!PutAll(block)) return Stop();
        GiveBack(std::move(block));
      }
      if (!Write()) return Stop();
      if (idle_turns == kLingerTurns) {  // an idle recording frees its memory
        KeepSpare(kBlockBytes);
        text.shrink_to_fit();
      }
    }
    Stop();
  } catch (const std::exception& error) {
    why_stopped = error.what();
    Stop();
  }

  bool PutAll(const Block& block) {
    std::span<const std::byte> rest = block.memory.span().first(block.used);
    while (!rest.empty()) {
      Head head;
      std::memcpy(&head, rest.data(), sizeof head);
      Put(head, rest.subspan(sizeof head, head.size));
      rest = rest.subspan(sizeof head + head.size);
      if (text.size() > (std::size_t{1} << 20) && !Write()) return false;
    }
    return true;
  }

  void Put(const Head& head, std::span<const std::byte> content) {
    if (head.kind != RecordKind::kPacket) {
      if (head.kind == RecordKind::kSession) redactor.NewSession();
      if (head.kind == RecordKind::kInfo && ReadInfo(TextOf(content), info))
        redactor.SpeakAs(CodecOf(info));
      AppendRecord(text, head.kind, head.at_ns, TextOf(content));
      return;
    }
    const Redactor::Outcome outcome = redactor.Pass(head.direction, head.type, content);
    const std::span<const std::byte> payload = outcome.payload ? outcome.payload->span() : content;
    const std::uint64_t then = written + text.size() + payload.size();
    // Each file begins with the page. A large page limits how often a new file begins.
    const std::uint64_t most = std::max(file_bytes, state_bytes + state_bytes / 4);
    if (then > (begun ? most : options.limit_bytes / 2)) NextFile(head.at_ns);
    const std::uint64_t kept = (info.file == 0 ? 0 : first_bytes) + written + text.size();
    if (why_stopped.empty() && !special &&
        kept + payload.size() + kPacketHead > options.limit_bytes) {
      why_stopped =
          "a packet of " + std::to_string(payload.size()) +
          " bytes, with the page's first state and the last, needs more than the limit of " +
          std::to_string(options.limit_bytes) + " bytes; raise --record-limit";
    }
    if (!why_stopped.empty()) return;
    AppendPacket(text, head.at_ns, head.direction, head.type, outcome.flags, payload);
    begun = begun || redactor.drawn();
  }

  // The file is full: goes on in the next, which begins with all that is needed to read it.
  void NextFile(std::int64_t at_ns) {
    if (!Write() || special) return;
    ++info.file;
    const std::string path = SegmentPath(options.file, info.file);
    Result<UniqueFd> next = OpenFile(path);
    if (!next) {
      why_stopped = next.error().Line();
      return;
    }
    fd = std::move(*next);
    if (info.file == 1) first_bytes = written;
    if (info.file > 1) later.push_back({info.file - 1, written});
    written = 0;
    text = Header();
    AppendRecord(text, RecordKind::kInfo, at_ns, InfoJson(info));
    if (const std::optional<Buffer> state = redactor.State())
      AppendRecord(text, RecordKind::kState, at_ns, {}, state->span());
    state_bytes = text.size();
  }

  // The first file stays; of the others the oldest go.
  void KeepLimit() {
    std::uint64_t all = first_bytes + written;
    for (const Later& one : later) all += one.bytes;
    while (all > options.limit_bytes && !later.empty()) {
      ::unlink(SegmentPath(options.file, later.front().number).c_str());
      all -= later.front().bytes;
      later.pop_front();
    }
    if (all > options.limit_bytes && !special) {
      why_stopped = "the first state of the page and the last need more than the limit of " +
                    std::to_string(options.limit_bytes) + " bytes; raise --record-limit";
    }
  }

  bool Write() {
    if (!why_stopped.empty()) return false;
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t size = ::write(fd.get(), rest.data(), rest.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) {
        why_stopped = std::strerror(errno);
        return false;
      }
      written += static_cast<std::uint64_t>(size);
      rest.remove_prefix(static_cast<std::size_t>(size));
    }
    text.clear();
    KeepLimit();
    return why_stopped.empty();
  }

  void Stop() {
    std::deque<Block> unwritten;  // freed outside of the lock
    std::vector<Block> unused;
    {
      const std::lock_guard lock(mutex);
      stopped = true;
      unwritten.swap(waiting);
      waiting_bytes = large_bytes = 0;
      unused.swap(spare);
      spare_bytes = 0;
      if (overrun) why_stopped = "the disk is slower than the app";
    }
    if (!why_stopped.empty()) {
      Log(LogLevel::kWarning, "recording to " + options.file + " stopped: " + why_stopped +
                                  "; the app goes on without it");
    }
    fd.reset();
    const std::lock_guard lock(mutex);
    done = true;  // and logged: the process may end as soon as this is seen
    changed.notify_all();
  }

  // set before the thread starts
  const RecorderOptions options;
  const Clock::time_point start = Clock::now();

  // the writer's thread
  struct Later {
    std::uint32_t number;
    std::uint64_t bytes;
  };
  Info info;
  const std::uint64_t file_bytes;
  Redactor redactor;
  bool begun = false;    // the first file holds the registration and the first state
  bool special = false;  // no plain file: a pipe, a device; it has no successor
  UniqueFd fd;
  std::string text = Header();  // not written yet
  std::uint64_t written = 0;    // to the file that is open
  std::uint64_t first_bytes = 0;
  std::uint64_t state_bytes = 0;  // what the file that is open begins with
  std::deque<Later> later;        // files between the first and the one that is open
  std::string why_stopped;

  // under mutex
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Block> waiting;
  std::size_t waiting_bytes = 0;
  std::size_t large_bytes = 0;  // of them, the one packet that is above the bound
  std::vector<Block> spare;
  std::size_t spare_bytes = 0;
  bool asleep = false;
  bool closing = false;
  bool stopped = false;
  bool overrun = false;  // the queue exceeded its bound
  bool done = false;
};

Result<std::unique_ptr<Recorder>> Recorder::Open(RecorderOptions options, Info info) {
  Result<UniqueFd> fd = OpenFile(options.file);
  if (!fd) return fd.error();
  const bool special = !IsPlainFile(*fd);
  if (!special) {
    for (const std::uint32_t number : SegmentsBeside(options.file)) {
      const std::string path = SegmentPath(options.file, number);
      if (IsRecordingOfOurs(path)) ::unlink(path.c_str());
    }
  }
  info.id = NewId();
  info.file = 0;
  info.started_unix_ns =
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
  auto writer = std::make_shared<Writer>(std::move(options), std::move(info));
  writer->fd = std::move(*fd);
  writer->special = special;
  platform::StartWithoutSignals([writer] { writer->Run(); }).detach();
  return std::unique_ptr<Recorder>(new Recorder(std::move(writer)));
}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(writer_->mutex);
    writer_->closing = true;
  }
  writer_->changed.notify_all();
}

void Recorder::Take(Direction direction, const Packet& packet) noexcept {
  if (std::exchange(session_is_over_, false)) writer_->Push({.kind = RecordKind::kSession}, {});
  writer_->Push({.direction = direction, .type = packet.type}, packet.payload.span());
}

void Recorder::NewSession() noexcept { session_is_over_ = true; }

void Recorder::Tell(const Info& info) noexcept {
  writer_->Push({.kind = RecordKind::kInfo}, BytesOf(InfoJson(info)));
}

void Recorder::Close(const End& end, std::chrono::milliseconds deadline) noexcept {
  writer_->Push({.kind = RecordKind::kEnd}, BytesOf(EndJson(end)));
  std::unique_lock lock(writer_->mutex);
  writer_->closing = true;
  writer_->changed.notify_all();
  writer_->changed.wait_for(lock, deadline, [this] { return writer_->done; });
}

}  // namespace fletbridge::recording
