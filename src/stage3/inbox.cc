#include "src/stage3/inbox.h"

namespace fletbridge::stage3 {
namespace {

std::size_t Mix(std::int64_t port) noexcept {
  return static_cast<std::size_t>((static_cast<std::uint64_t>(port) * 0x9e3779b97f4a7c15u) >> 32);
}

}  // namespace

// A hash table with open addressing. A slot gets its port once and keeps it, so concurrent readers
// can rely on it; only `live` changes.
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

// The port's slot, or the free slot for it.
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
      // Ports are never used again, so removed ones fill the table too; the new one omits them.
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
      // New readers use the new table. Without current readers the old ones can be deleted.
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
    : queue_(limits), on_room_(std::move(on_room)) {}

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

void Inbox::BeginSession(std::uint32_t number) {
  session_.store(number);
  Message marker;
  marker.kind = Message::Kind::kSession;
  marker.session = number;
  PushMarker(std::move(marker));
}

void Inbox::EndSession(std::uint32_t number) {
  Message marker;
  marker.kind = Message::Kind::kSessionEnd;
  marker.session = number;
  PushMarker(std::move(marker));
}

void Inbox::Wake() noexcept {
  // If the reader is being changed at this moment, SetReader() wakes the new one.
  if (platform::WakeUp* reader = wake_.load(); reader != nullptr) reader->Signal();
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

void Inbox::DropAll() {
  for (Message message; queue_.Pop(message);) {
    if (message.kind == Message::Kind::kBytes) {
      Done(message.payload.size(), false);
    } else {
      MarkerDone();
    }
  }
}

void Inbox::SetReader(Reader reader) noexcept {
  platform::WakeUp* const readers[] = {nullptr, &loop_wake_, &thread_wake_};
  wake_.store(readers[static_cast<int>(reader)]);
  Wake();
}

void Inbox::ClearLoopWake() noexcept { loop_wake_.Clear(); }
void Inbox::WaitAsThread() noexcept { thread_wake_.Wait(); }
void Inbox::WakeThread() noexcept { thread_wake_.Signal(); }

}  // namespace fletbridge::stage3
