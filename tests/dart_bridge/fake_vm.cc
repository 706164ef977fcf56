#include "tests/dart_bridge/fake_vm.h"

#include <string_view>

#include "tests/dart_bridge/rig.h"

namespace fletbridge::bridge_test {
namespace {

// External messages that may wait for their finalizers; then posters wait, as they do in the VM
// while it copies.
constexpr std::size_t kMostExternal = 16;

std::size_t Sum(const std::uint8_t* data, std::size_t length) {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(data), length});
}

}  // namespace

std::atomic<FakeVm*> FakeVm::current_{nullptr};

FakeVm::FakeVm()
    : entries_{{"Dart_PostCObject", reinterpret_cast<void (*)()>(&FakeVm::PostObject)},
               {"Dart_PostInteger", reinterpret_cast<void (*)()>(&FakeVm::PostNumber)},
               {nullptr, nullptr}},
      table_{2, 5, entries_},
      finalizer_([this] { Finalize(); }) {
  current_ = this;
}

FakeVm::~FakeVm() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    hold_ = false;
  }
  changed_.notify_all();
  finalizer_.join();
  current_ = nullptr;
}

void FakeVm::ReleaseFinalizers() {
  {
    const std::scoped_lock lock(mutex_);
    hold_ = false;
  }
  changed_.notify_all();
}

void FakeVm::Close(std::int64_t port) {
  const std::scoped_lock lock(mutex_);
  closed_.insert(port);
}

bool FakeVm::PostObject(std::int64_t port, DartCObject* message) {
  FakeVm* vm = current_;
  if (vm == nullptr) return false;
  Posted posted;
  posted.port = port;
  posted.type = message->type;
  switch (message->type) {
    case kTypedData: {
      const auto& data = message->value.as_typed_data;
      posted.element = data.type;
      posted.length = data.length;
      posted.where = data.values;
      break;
    }
    case kExternalTypedData:
    case kUnmodifiableExternalTypedData: {
      const auto& data = message->value.as_external_typed_data;
      posted.element = data.type;
      posted.length = data.length;
      posted.where = data.data;
      if (data.callback == nullptr) {  // the VM would crash at the end of the message
        ++vm->faults_;
        return false;
      }
      return vm->Take(std::move(posted), message);
    }
    case kInt32:
      posted.integer = message->value.as_int32;
      break;
    case kInt64:
      posted.integer = message->value.as_int64;
      break;
    default:
      break;
  }
  return vm->Take(std::move(posted), nullptr);
}

bool FakeVm::PostNumber(std::int64_t port, std::int64_t number) {
  FakeVm* vm = current_;
  if (vm == nullptr) return false;
  Posted posted;
  posted.port = port;
  posted.type = number >= INT32_MIN && number <= INT32_MAX ? kInt32 : kInt64;
  posted.integer = number;
  return vm->Take(std::move(posted), nullptr);
}

bool FakeVm::Take(Posted&& posted, const DartCObject* external) {
  const auto* data = static_cast<const std::uint8_t*>(posted.where);
  const auto length = posted.length > 0 ? static_cast<std::size_t>(posted.length) : 0;
  // 2 GiB are of interest by their length only.
  const bool read = length < (std::size_t{1} << 31);
  if (keep_bytes && length > 0 && read) {
    posted.bytes.assign(static_cast<const char*>(posted.where), length);
  }
  if (on_post) on_post(posted);
  std::unique_lock lock(mutex_);
  if (closed_.contains(posted.port)) return false;
  if (external != nullptr) {
    if (!hold_) {
      changed_.wait_for(lock, kPatience, [this] { return external_.size() < kMostExternal; });
    }
    const auto& value = external->value.as_external_typed_data;
    external_.push_back({data, length, read ? Sum(data, length) : 0, value.peer, value.callback});
  }
  if (keep_bytes || external == nullptr) posted_.push_back(std::move(posted));
  ++count_;
  changed_.notify_all();  // under the lock: who waits may end this VM
  return true;
}

void FakeVm::Finalize() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return (!hold_ && !external_.empty()) || ended_; });
    if (external_.empty()) return;
    const External message = external_.front();
    lock.unlock();
    if (message.length < (std::size_t{1} << 31) &&
        Sum(message.data, message.length) != message.sum) {
      ++faults_;
    }
    message.callback(nullptr, message.peer);
    lock.lock();
    external_.pop_front();
    ++finalized_;
    changed_.notify_all();
  }
}

Posted FakeVm::Await(std::int64_t port, std::size_t n) {
  std::unique_lock lock(mutex_);
  Posted found;
  const bool came = changed_.wait_for(lock, kPatience, [&] {
    std::size_t seen = 0;
    for (const Posted& posted : posted_) {
      if (posted.port != port || seen++ != n) continue;
      found = posted;
      return true;
    }
    return false;
  });
  Require(came, "nothing was posted to port " + std::to_string(port));
  return found;
}

std::size_t FakeVm::CountOn(std::int64_t port) const {
  const std::scoped_lock lock(mutex_);
  std::size_t seen = 0;
  for (const Posted& posted : posted_) seen += posted.port == port ? 1 : 0;
  return seen;
}

void FakeVm::AwaitCount(std::size_t count) {
  std::unique_lock lock(mutex_);
  Require(changed_.wait_for(lock, kPatience, [&] { return count_.load() >= count; }),
          "only " + std::to_string(count_.load()) + " messages were posted");
}

void FakeVm::AwaitFinalized() {
  std::unique_lock lock(mutex_);
  Require(changed_.wait_for(lock, kPatience, [this] { return external_.empty(); }),
          "messages are not given back");
}

}  // namespace fletbridge::bridge_test
