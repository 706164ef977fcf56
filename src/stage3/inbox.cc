#include "src/stage3/inbox.h"

#include <cerrno>
#include <sys/eventfd.h>
#include <unistd.h>

namespace fletbridge::stage3 {
namespace {

void Signal(int fd) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd, &one, sizeof one);
}

std::size_t Mix(std::int64_t port) noexcept {
  return static_cast<std::size_t>((static_cast<std::uint64_t>(port) * 0x9e3779b97f4a7c15u) >> 32);
}

}  // namespace

// Open addressing. A slot is taken once and keeps its port, so a reader that sees the port can
// trust it; what comes and goes is `live`.
struct PortSet::Table {
  struct Slot {
    std::atomic<bool> taken{false};
    std::atomic<bool> live{false};
    std::atomic<std::int64_t> port{0};
  };

  explicit Table(std::size_t size) : slots(size) {}

  std::vector<Slot> slots;  // a power of two
  std::size_t used = 0;     // writers only
  Table* older = nullptr;
};

PortSet::PortSet() : table_(new Table(64)) {}

PortSet::~PortSet() {
  for (Table* table = table_.load(); table != nullptr;) delete std::exchange(table, table->older);
}

// The slot of the port, or the free one where it would be.
std::size_t PortSet::Find(const Table& table, std::int64_t port) noexcept {
  const std::size_t mask = table.slots.size() - 1;
  std::size_t i = Mix(port) & mask;
  while (table.slots[i].taken.load() && table.slots[i].port.load() != port) i = (i + 1) & mask;
  return i;
}

bool PortSet::Has(std::int64_t port) const noexcept {
  readers_.fetch_add(1);
  const Table& table = *table_.load();
  const Table::Slot& slot = table.slots[Find(table, port)];
  const bool found = slot.taken.load() && slot.live.load();
  readers_.fetch_sub(1);
  return found;
}

void PortSet::Insert(std::int64_t port) {
  Table* table = table_.load();
  std::size_t i = Find(*table, port);
  if (!table->slots[i].taken.load()) {
    if (table->used * 2 >= table->slots.size()) {
      std::size_t live = 0;
      for (const Table::Slot& slot : table->slots) live += slot.live.load() ? 1 : 0;
      // Ports are never used twice, so dead ones fill a table as well: a new one leaves them out.
      auto* bigger =
          new Table(live * 4 > table->slots.size() ? table->slots.size() * 2 : table->slots.size());
      for (const Table::Slot& slot : table->slots) {
        if (!slot.live.load()) continue;
        Table::Slot& copy = bigger->slots[Find(*bigger, slot.port.load())];
        copy.port.store(slot.port.load());
        copy.live.store(true);
        copy.taken.store(true);
        ++bigger->used;
      }
      bigger->older = table;
      table_.store(bigger);
      table = bigger;
      i = Find(*table, port);
      // Whoever comes to read now finds the new one.
      while (readers_.load() == 0 && table->older != nullptr) {
        Table* old = std::exchange(table->older, table->older->older);
        delete old;
      }
    }
    table->slots[i].port.store(port);
    ++table->used;
  }
  table->slots[i].live.store(true);
  table->slots[i].taken.store(true);
}

void PortSet::Erase(std::int64_t port) noexcept {
  Table& table = *table_.load();
  table.slots[Find(table, port)].live.store(false);
}

void PortSet::Clear() noexcept {
  readers_.fetch_add(1);
  for (Table::Slot& slot : table_.load()->slots) slot.live.store(false);
  readers_.fetch_sub(1);
}

Inbox::Inbox(const FlowLimits& limits, std::function<void()> on_room)
    : queue_(limits),
      on_room_(std::move(on_room)),
      loop_wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_wake_(::eventfd(0, EFD_CLOEXEC)) {}

SendResult Inbox::Push(Message&& message) {
  if (!open_.load()) return SendResult::kClosed;
  bool wake = false;
  const SendResult result = queue_.Push(std::move(message), wake);
  if (result == SendResult::kAccepted) {
    accepted_.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t queued = queue_.queued_bytes();
    std::uint64_t peak = peak_.load(std::memory_order_relaxed);
    while (queued > peak && !peak_.compare_exchange_weak(peak, queued, std::memory_order_relaxed)) {
    }
  } else if (result == SendResult::kFull) {
    refused_.fetch_add(1, std::memory_order_relaxed);
  }
  if (wake) Wake();
  return result;
}

void Inbox::PushMarker(Message&& marker) {
  if (queue_.PushMarker(std::move(marker))) Wake();
}

void Inbox::PushNewClient() {
  new_clients_.fetch_add(1);
  Message marker;
  marker.kind = Message::Kind::kNewClient;
  PushMarker(std::move(marker));
}

void Inbox::Wake() noexcept {
  // Who reads may change at this moment: then the new one is woken by that (SetReader).
  if (const int fd = wake_fd_.load(); fd >= 0) Signal(fd);
}

InboxStatistics Inbox::statistics() const noexcept {
  InboxStatistics now;
  now.queued_bytes = queue_.queued_bytes();
  now.queued_bytes_peak = peak_.load();
  now.accepted = accepted_.load();
  now.refused = refused_.load();
  now.delivered = delivered_.load();
  now.dropped = dropped_.load();
  return now;
}

void Inbox::Done(std::size_t payload_bytes, bool delivered) {
  (delivered ? delivered_ : dropped_).fetch_add(1, std::memory_order_relaxed);
  if (queue_.Release(payload_bytes) && on_room_) on_room_();
}

void Inbox::MarkerDone() {
  if (queue_.Release(0) && on_room_) on_room_();
}

void Inbox::NewClientDone() {
  new_clients_.fetch_sub(1);
  MarkerDone();
}

void Inbox::DropAll() {
  for (Message message; queue_.Pop(message);) {
    if (message.kind == Message::Kind::kBytes) {
      Done(message.payload.size(), false);
    } else if (message.kind == Message::Kind::kNewClient) {
      NewClientDone();
    } else {
      MarkerDone();
    }
  }
}

void Inbox::SetReader(Reader reader) noexcept {
  const int fds[] = {-1, loop_wake_.get(), thread_wake_.get()};
  wake_fd_.store(fds[static_cast<int>(reader)]);
  Wake();
}

void Inbox::ClearLoopWake() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(loop_wake_.get(), &count, sizeof count);
}

void Inbox::WaitAsThread() noexcept {
  std::uint64_t count = 0;
  while (::read(thread_wake_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
}

void Inbox::WakeThread() noexcept { Signal(thread_wake_.get()); }

}  // namespace fletbridge::stage3
