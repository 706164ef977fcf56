// Room: src/dart_bridge. The Dart VM as the library uses it: two functions from its table, and the
// bytes objects that Python has lent to it.
//
// A large bytes object is passed to the VM without a copy, with one reference of its own. The VM
// returns it on any thread, at any time, even after the interpreter's end; a thread that holds the
// GIL drops the reference later.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "src/dart_bridge/dart_api.h"
#include "src/stage3/dart_bridge_module.h"

namespace fletbridge::dart_bridge {

class DartVm final : public stage3::Outlet {
 public:
  // `wake` is called, on a thread of the VM, when something has been given back: then
  // CollectReturned() should be called soon.
  explicit DartVm(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Any thread. False if it is not a table that we can use; then the one before stays.
  [[nodiscard]] bool Init(const void* table) noexcept;
  // Any thread. False if there is no table or no such port.
  bool PostInteger(DartPort port, std::int64_t value) noexcept;

  // What has been lent and not been given back. Any thread.
  [[nodiscard]] std::uint64_t lent_bytes() const noexcept override { return lent_bytes_.load(); }

  // send_bytes().
  [[nodiscard]] bool Send(std::int64_t port, PyObject* owner, std::string_view payload) override;

  // Under the GIL.
  void CollectReturned() noexcept;
  // The interpreter is up, or has been finalised: from then on nobody else holds what was lent, and
  // what comes back is freed at once. `plain_memory`: large objects are blocks of malloc's.
  void InterpreterStarted(bool plain_memory) noexcept;
  void InterpreterEnded() noexcept;

 private:
  struct Loan;
  using PostObject = bool (*)(DartPort, DartObject*);
  using PostInt = bool (*)(DartPort, std::int64_t);

  [[nodiscard]] bool Lend(PostObject post, DartPort port, PyObject* owner, std::string_view payload,
                          bool& posted);
  static void GiveBack(void*, void* peer);
  void Free(Loan* loans) noexcept;

  const std::function<void()> wake_;
  std::atomic<PostObject> post_object_{nullptr};
  std::atomic<PostInt> post_integer_{nullptr};
  std::atomic<Loan*> returned_{nullptr};  // a stack
  std::atomic<std::uint64_t> lent_bytes_{0};
  std::atomic<bool> ended_{false};
  std::atomic<bool> plain_memory_{false};
};

}  // namespace fletbridge::dart_bridge
