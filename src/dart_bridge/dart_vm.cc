#include "src/dart_bridge/dart_vm.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "common/python/api.h"

namespace fletbridge::dart_bridge {
namespace {

// Above, the VM is lent the object instead of being given a copy, and the GIL is released.
constexpr std::size_t kLendBytes = 64 * 1024;
// A Dart list's length, as the original casts it.
constexpr std::size_t kMostBytes = std::numeric_limits<std::int32_t>::max();
constexpr int kMajor = 2;
// The VM's table has 40 entries; one that does not end is none.
constexpr int kMostEntries = 4096;

template <class Pointer>
bool IsAligned(const Pointer* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % alignof(Pointer) == 0;
}

}  // namespace

struct DartVm::Loan {
  DartVm* vm;
  PyRef owner;
  std::size_t bytes;
  Loan* next;
};

bool DartVm::Init(const void* table) noexcept {
  const auto* api = static_cast<const DartApi*>(table);
  if (api == nullptr || !IsAligned(api) || api->major != kMajor || api->functions == nullptr ||
      !IsAligned(api->functions)) {
    return false;
  }
  void (*object)() = nullptr;
  void (*integer)() = nullptr;
  int entries = 0;
  for (const DartApiEntry* entry = api->functions; entry->name != nullptr; ++entry) {
    if (++entries > kMostEntries) return false;
    if (std::strcmp(entry->name, "Dart_PostCObject") == 0) object = entry->function;
    if (std::strcmp(entry->name, "Dart_PostInteger") == 0) integer = entry->function;
  }
  post_object_.store(reinterpret_cast<PostObject>(object));
  post_integer_.store(reinterpret_cast<PostInt>(integer));
  return true;
}

bool DartVm::PostInteger(DartPort port, std::int64_t value) noexcept {
  const PostInt post = post_integer_.load();
  return post != nullptr && post(port, value);
}

bool DartVm::Send(std::int64_t port, PyObject* owner, std::string_view payload) {
  const PostObject post = post_object_.load();
  if (post == nullptr) {
    return stage3::RaiseRuntimeError(
        "Dart API DL not initialized (call DartBridge_InitDartApiDL from Dart first)");
  }
  if (payload.size() > kMostBytes) {
    return stage3::RaiseRuntimeError(
        "a message of " + std::to_string(payload.size()) +
        " bytes is more than Dart takes: " + std::to_string(kMostBytes) + "; send it in parts");
  }
  CollectReturned();
  bool posted = false;
  const bool large = payload.size() >= kLendBytes;
  if (!large || owner == nullptr || !Lend(post, port, owner, payload, posted)) {
    DartObject object{};
    object.type = DartType::kTypedData;
    object.value.typed_data = {kDartUint8, static_cast<std::intptr_t>(payload.size()),
                               reinterpret_cast<const std::uint8_t*>(payload.data())};
    PyThreadState* thread = large ? Py().PyEval_SaveThread() : nullptr;
    posted = post(port, &object);
    if (large) Py().PyEval_RestoreThread(thread);
  }
  return posted || stage3::RaiseRuntimeError("Dart_PostCObject_DL failed");
}

// False if there is no memory for a loan.
bool DartVm::Lend(PostObject post, DartPort port, PyObject* owner, std::string_view payload,
                  bool& posted) {
  auto* loan = new (std::nothrow) Loan{this, PyRef::Share(owner), payload.size(), nullptr};
  if (loan == nullptr) return false;
  lent_bytes_.fetch_add(payload.size());
  DartObject object{};
  object.type = DartType::kUnmodifiableExternalTypedData;  // bytes never change
  object.value.external_typed_data = {
      kDartUint8, static_cast<std::intptr_t>(payload.size()),
      const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(payload.data())), loan,
      GiveBack};
  PyThreadState* thread = Py().PyEval_SaveThread();
  posted = post(port, &object);
  Py().PyEval_RestoreThread(thread);
  if (!posted) {  // then it is still ours
    lent_bytes_.fetch_sub(payload.size());
    delete loan;
  }
  return true;
}

void DartVm::GiveBack(void*, void* peer) {
  auto* loan = static_cast<Loan*>(peer);
  DartVm& vm = *loan->vm;
  vm.lent_bytes_.fetch_sub(loan->bytes);
  if (vm.ended_.load()) {
    loan->next = nullptr;
    vm.Free(loan);
    return;
  }
  Loan* before = vm.returned_.load();
  do {
    loan->next = before;
  } while (!vm.returned_.compare_exchange_weak(before, loan));
  // From here on the loan may be gone.
  if (vm.ended_.load()) {  // meanwhile, and perhaps after the last look
    vm.Free(vm.returned_.exchange(nullptr));
  } else if (before == nullptr) {
    vm.wake_();
  }
}

void DartVm::CollectReturned() noexcept {
  if (returned_.load() == nullptr) return;
  Loan* loan = returned_.exchange(nullptr);
  while (loan != nullptr) delete std::exchange(loan, loan->next);
}

void DartVm::InterpreterStarted(bool plain_memory) noexcept {
  plain_memory_.store(plain_memory);
  ended_.store(false);
}

void DartVm::InterpreterEnded() noexcept {
  ended_.store(true);
  Free(returned_.exchange(nullptr));
}

// Of an interpreter that is no more: an object of this size was a block of malloc's, and ours is
// the last reference. With Python's debug allocators it is not, and stays.
void DartVm::Free(Loan* loans) noexcept {
  while (loans != nullptr) {
    PyObject* const owner = loans->owner.Release();  // its interpreter is gone
    if (plain_memory_.load()) std::free(owner);
    delete std::exchange(loans, loans->next);
  }
}

}  // namespace fletbridge::dart_bridge
