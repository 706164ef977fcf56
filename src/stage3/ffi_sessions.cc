#include "src/stage3/ffi_sessions.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "common/python/api.h"

namespace fletbridge::stage3 {
namespace {

// Packets delivered before other tasks of the loop run.
constexpr int kBatch = 64;
// A smaller copy costs less than releasing and acquiring the GIL.
constexpr std::size_t kReleaseGilBytes = 64 * 1024;

}  // namespace

// One session's way to its client; shared with tasks of the loop.
class FfiSessions::Line final : public std::enable_shared_from_this<Line> {
 public:
  Line(EventLoop& loop, const FlowLimits& limits, AppSessionSink& sink)
      : loop_(loop), sink_(&sink), queue_(limits) {}

  // Any thread.
  void Push(Packet&& packet) {
    bool wake = false;
    const std::size_t size = packet.payload.size();
    switch (queue_.Push(std::move(packet), wake)) {
      case SendResult::kAccepted:
        if (wake) loop_.Post([self = shared_from_this()] { self->Deliver(); });
        return;
      case SendResult::kFull:
        if (!lost_.exchange(true)) {
          loop_.Post([self = shared_from_this()] {
            if (self->sink_ != nullptr) {
              self->sink_->OnLost(MakeError(
                  Errc::kLimit, "the client does not take the app's packets fast enough"));
            }
          });
        }
        return;
      case SendResult::kTooLarge:
        loop_.Post([self = shared_from_this(), size] {
          if (self->sink_ != nullptr) {
            self->sink_->OnRefused(MakeError(
                Errc::kLimit, "refused a packet of " + std::to_string(size) + " bytes, limit " +
                                  std::to_string(self->queue_.limits().max_packet) +
                                  "; raise it with --max-packet"));
          }
        });
        return;
      case SendResult::kClosed:
        return;
    }
  }

  // ---- The loop's thread
  void Deliver() {
    for (int i = 0; i < kBatch; ++i) {
      if (sink_ == nullptr || paused_) return;
      Packet packet;
      if (!queue_.Pop(packet)) {
        if (queue_.PrepareToSleep()) return;
        continue;
      }
      const std::size_t size = packet.payload.size();
      sink_->OnPacket(std::move(packet));
      (void)queue_.Release(size);
    }
    loop_.Post([self = shared_from_this()] { self->Deliver(); });
  }
  void SetPaused(bool paused) {
    if (std::exchange(paused_, paused) && !paused)
      loop_.Post([self = shared_from_this()] { self->Deliver(); });
  }
  void DeliverLast() {
    queue_.Close();
    for (Packet packet; sink_ != nullptr && queue_.Pop(packet);) {
      const std::size_t size = packet.payload.size();
      sink_->OnPacket(std::move(packet));
      (void)queue_.Release(size);
    }
  }
  [[nodiscard]] AppSessionSink* sink() const { return sink_; }
  void Leave() {
    sink_ = nullptr;
    queue_.Close();
  }

 private:
  EventLoop& loop_;
  AppSessionSink* sink_;  // null: the session is over
  PacketQueue queue_;
  std::atomic<bool> lost_{false};
  bool paused_ = false;
};

class FfiSessions::Session final : public AppSession {
 public:
  Session(FfiSessions& owner, std::int64_t port, std::shared_ptr<Line> line)
      : owner_(owner), port_(port), line_(std::move(line)) {}
  ~Session() override {
    line_->Leave();
    bool was_open = false;
    {
      const std::lock_guard lock(owner_.mutex_);
      owner_.lines_.erase(port_);
      was_open = !owner_.closed_;
    }
    if (was_open) owner_.Tell('-', port_);
  }

  SendResult Send(Packet&& packet) override {
    Message message;
    message.port = port_;
    message.prefix = {{static_cast<std::byte>(packet.type)}, 1};
    message.payload = std::move(packet.payload);
    const SendResult result = owner_.inbox_.Push(std::move(message));
    if (result != SendResult::kAccepted) packet.payload = message.payload.TakeBuffer();
    return result;
  }
  std::size_t queued_bytes() const override { return owner_.inbox_.queued_bytes(); }
  void PauseReceiving() override { SetPaused(true); }
  void ResumeReceiving() override { SetPaused(false); }

 private:
  void SetPaused(bool paused) {
    if (owner_.loop_.InLoop()) return line_->SetPaused(paused);
    owner_.loop_.Post([line = line_, paused] { line->SetPaused(paused); });
  }

  FfiSessions& owner_;
  const std::int64_t port_;
  const std::shared_ptr<Line> line_;
};

FfiSessions::FfiSessions(EventLoop& loop, const FlowLimits& limits, Inbox& inbox,
                         std::int64_t first_port, int most)
    : loop_(loop),
      limits_(limits),
      inbox_(inbox),
      protocol_port_(first_port),
      most_(static_cast<std::size_t>(most)),
      last_port_(first_port) {}

Result<std::unique_ptr<AppSession>> FfiSessions::Open(AppSessionSink& sink) {
  auto line = std::make_shared<Line>(loop_, limits_, sink);
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= most_) {
      return MakeError(Errc::kLimit,
                       "the app has as many sessions as it may have, " + std::to_string(most_));
    }
    lines_[++last_port_] = line;
  }
  Tell('+', last_port_);
  return std::unique_ptr<AppSession>(std::make_unique<Session>(*this, last_port_, std::move(line)));
}

// On the protocol's port, before the session's own packets; accepted however full the inbox is.
void FfiSessions::Tell(char what, std::int64_t port) {
  Message message;
  message.port = protocol_port_;
  message.payload = Buffer(what + std::to_string(port));
  inbox_.PushMarker(std::move(message));
}

void FfiSessions::OnRoom() {
  std::vector<std::shared_ptr<Line>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [port, line] : lines_) all.push_back(line);
  }
  for (const auto& line : all) {
    if (line->sink() != nullptr) line->sink()->OnWritable();
  }
}

void FfiSessions::OnGone(const Error& why) {
  std::vector<std::shared_ptr<Line>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [port, line] : lines_) all.push_back(line);
  }
  for (const auto& line : all) {
    if (line->sink() != nullptr) line->sink()->OnLost(why);
  }
}

void FfiSessions::Close() {
  std::unordered_map<std::int64_t, std::shared_ptr<Line>> all;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    all.swap(lines_);
  }
  for (const auto& [port, line] : all) line->DeliverLast();
}

std::shared_ptr<FfiSessions::Line> FfiSessions::Find(std::int64_t port) {
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(port);
  return found == lines_.end() ? nullptr : found->second;
}

bool FfiSessions::Send(std::int64_t port, PyObject*, std::string_view payload) {
  const std::shared_ptr<Line> line = Find(port);
  if (line == nullptr || payload.empty()) return true;  // the client has gone
  Packet packet;
  packet.type = static_cast<PacketType>(static_cast<unsigned char>(payload.front()));
  payload.remove_prefix(1);
  packet.payload = Buffer(payload.size());
  if (payload.size() < kReleaseGilBytes) {
    if (!payload.empty()) std::memcpy(packet.payload.data(), payload.data(), payload.size());
  } else {
    PyThreadState* thread = Py().PyEval_SaveThread();
    std::memcpy(packet.payload.data(), payload.data(), payload.size());
    Py().PyEval_RestoreThread(thread);
  }
  line->Push(std::move(packet));
  return true;
}

}  // namespace fletbridge::stage3
