#include "tests/dart_vm/post_counter.h"

#include <atomic>
#include <cstring>
#include <vector>

namespace fletbridge::dart_vm {
namespace {

// Of one block. Never freed, so that a second call of its finalizer is seen and not a crash.
struct Block {
  void* peer;
  Finalizer callback;
  std::atomic<int> times_freed{0};
  std::atomic<bool> refused{false};
};

PostCObject post = nullptr;
std::vector<ApiEntry>* const entries = new std::vector<ApiEntry>;
ApiTable counted{};
thread_local const Block* posting = nullptr;

std::atomic<std::uint64_t> copied{0}, external{0}, refused{0}, without_finalizer{0}, freed{0},
    freed_twice{0}, freed_though_refused{0}, freed_while_posting{0};

void Free(void* isolate_data, void* peer) {
  auto* block = static_cast<Block*>(peer);
  if (block->times_freed.fetch_add(1) != 0) {
    ++freed_twice;
    return;
  }
  if (block->refused) ++freed_though_refused;
  if (posting == block) ++freed_while_posting;
  block->callback(isolate_data, block->peer);
  ++freed;
}

bool Post(Port port, CObject* message) {
  if (message->type == kTypedData) {
    ++copied;
    return post(port, message);
  }
  if (message->type != kExternalTypedData && message->type != kUnmodifiableExternalTypedData) {
    return post(port, message);
  }
  CObject mine = *message;
  auto& data = mine.value.as_external_typed_data;
  if (data.callback == nullptr) {  // the real VM would crash
    ++without_finalizer;
    return false;
  }
  auto* block = new Block{data.peer, data.callback, {}, {}};
  data.peer = block;
  data.callback = &Free;
  posting = block;
  const bool accepted = post(port, &mine);
  posting = nullptr;
  if (!accepted) block->refused = true;
  ++(accepted ? external : refused);
  return accepted;
}

}  // namespace

const ApiTable* CountPosts(const ApiTable* table) {
  entries->clear();
  for (const ApiEntry* entry = table->functions; entry->name != nullptr; ++entry) {
    entries->push_back(*entry);
    if (std::strcmp(entry->name, "Dart_PostCObject") == 0) {
      post = reinterpret_cast<PostCObject>(entry->function);
      entries->back().function = reinterpret_cast<void (*)()>(&Post);
    }
  }
  entries->push_back({nullptr, nullptr});
  counted = {table->major, table->minor, entries->data()};
  return &counted;
}

PostBooks Books() {
  return {copied,
          external,
          refused,
          without_finalizer,
          freed,
          freed_twice,
          freed_though_refused,
          freed_while_posting};
}

}  // namespace fletbridge::dart_vm
