#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "tests/dart_vm/dart_vm.h"

namespace fletbridge::dart_vm {
namespace {

class FakeVm;
FakeVm* the_vm = nullptr;  // Dart's functions take no context

// One message between post and handler; owns its bytes, copied or external.
class Letter {
 public:
  explicit Letter(std::int64_t integer) {
    message_.is_integer = true;
    message_.integer = integer;
  }
  explicit Letter(const CObject& posted) {
    std::size_t size = 0;
    if (posted.type == kTypedData) {
      const auto& data = posted.value.as_typed_data;
      size = static_cast<std::size_t>(data.length);
      copy_ = std::malloc(size == 0 ? 1 : size);
      if (size != 0) std::memcpy(copy_, data.values, size);
      message_.bytes = {static_cast<const std::byte*>(copy_), size};
    } else {
      const auto& data = posted.value.as_external_typed_data;
      size = static_cast<std::size_t>(data.length);
      peer_ = data.peer;
      finalizer_ = data.callback;
      message_.bytes = {reinterpret_cast<const std::byte*>(data.data), size};
    }
  }
  Letter(Letter&& other) noexcept
      : message_(other.message_),
        copy_(std::exchange(other.copy_, nullptr)),
        peer_(other.peer_),
        finalizer_(std::exchange(other.finalizer_, nullptr)) {}
  Letter& operator=(Letter&&) = delete;
  ~Letter() {
    std::free(copy_);
    if (finalizer_ != nullptr) finalizer_(nullptr, peer_);
  }
  [[nodiscard]] const Message& message() const { return message_; }
  [[nodiscard]] bool external() const { return finalizer_ != nullptr; }

 private:
  Message message_;
  void* copy_ = nullptr;
  void* peer_ = nullptr;
  Finalizer finalizer_ = nullptr;
};

// One native port: its messages, and the thread that handles them in order.
class OpenPort {
 public:
  OpenPort(std::function<void(const Message&)> handler, Delivery delivery)
      : handler_(std::move(handler)), delivery_(delivery), thread_([this] { Deliver(); }) {}
  // A handler that runs ends first.
  ~OpenPort() {
    Close();
    thread_.join();
  }

  // What waits is dropped, when the last who holds this port lets it go.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  void Put(Letter&& letter) {
    if (delivery_ == Delivery::kInline) {
      handler_(letter.message());
      if (!letter.external()) return;  // else its finalizer belongs on another thread
    }
    const std::lock_guard lock(mutex_);
    letters_.push_back(std::move(letter));
    changed_.notify_one();
  }

 private:
  void Deliver() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return closed_ || !letters_.empty(); });
      if (closed_) return;
      {
        const Letter letter = std::move(letters_.front());
        letters_.pop_front();
        lock.unlock();
        if (delivery_ == Delivery::kThread) handler_(letter.message());
      }  // freed without our lock: a finalizer may call anything
      lock.lock();
    }
  }

  const std::function<void(const Message&)> handler_;
  const Delivery delivery_;
  // under mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Letter> letters_;
  bool closed_ = false;
  std::thread thread_;  // last: it uses the others
};

class FakeVm final : public DartVm {
 public:
  explicit FakeVm(Delivery delivery) : delivery_(delivery) { the_vm = this; }
  ~FakeVm() override {
    ports_.clear();
    the_vm = nullptr;
  }

  const ApiTable* table() const override { return &table_; }
  std::string name() const override { return "fake"; }

  Port NewPort(std::function<void(const Message&)> handler) override {
    const std::lock_guard lock(mutex_);
    next_port_ += 0x1234567;
    ports_[next_port_] = std::make_shared<OpenPort>(std::move(handler), delivery_);
    return next_port_;
  }

  bool ClosePort(Port port) override {
    std::shared_ptr<OpenPort> closed;
    const std::lock_guard lock(mutex_);
    const auto found = ports_.find(port);
    if (found == ports_.end()) return false;
    closed = std::move(found->second);
    ports_.erase(found);
    closed->Close();
    std::thread([last = std::move(closed)] {}).detach();  // its thread may be the caller's
    return true;
  }

 private:
  // As the real VM: false for a port that is not open and for what it cannot send; then ownership
  // stays with the caller.
  bool Post(Port to, const CObject& posted) {
    const std::shared_ptr<OpenPort> port = Find(to);
    if (!port) return false;
    switch (posted.type) {
      case kTypedData:
        if (posted.value.as_typed_data.length < 0) return false;
        port->Put(Letter(posted));
        return true;
      case kExternalTypedData:
      case kUnmodifiableExternalTypedData:
        if (posted.value.as_external_typed_data.length < 0) return false;
        port->Put(Letter(posted));
        return true;
      case kInt32:
        port->Put(Letter(posted.value.as_int32));
        return true;
      case kInt64:
        port->Put(Letter(posted.value.as_int64));
        return true;
      default:
        return false;
    }
  }

  bool PostInt(Port to, std::int64_t value) {
    const std::shared_ptr<OpenPort> port = Find(to);
    if (port) port->Put(Letter(value));
    return port != nullptr;
  }

  std::shared_ptr<OpenPort> Find(Port port) {
    const std::lock_guard lock(mutex_);
    const auto found = ports_.find(port);
    return found == ports_.end() ? nullptr : found->second;
  }

  const ApiEntry entries_[3] = {
      {"Dart_PostCObject",
       reinterpret_cast<void (*)()>(static_cast<PostCObject>(
           [](Port port, CObject* message) { return the_vm->Post(port, *message); }))},
      {"Dart_PostInteger",
       reinterpret_cast<void (*)()>(static_cast<PostInteger>(
           [](Port port, std::int64_t value) { return the_vm->PostInt(port, value); }))},
      {nullptr, nullptr}};
  const ApiTable table_{2, 5, entries_};
  const Delivery delivery_;
  // under mutex_
  std::mutex mutex_;
  Port next_port_ = Port{1} << 48;  // as large as real ones
  std::map<Port, std::shared_ptr<OpenPort>> ports_;
};

}  // namespace

std::unique_ptr<DartVm> MakeFakeVm(Delivery delivery) { return std::make_unique<FakeVm>(delivery); }

}  // namespace fletbridge::dart_vm
