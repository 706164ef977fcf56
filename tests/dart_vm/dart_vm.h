// Room: tests/dart_vm. A Dart VM as a bridge library sees one: a table of functions, and native
// ports on which messages arrive. The real VM of a Flutter engine, or a fake that treats messages
// as the real one does. One VM per process. Used by the hosts of tests/dart_vm and tests/bench.
//
// Threads: everything from any thread, unless said otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "src/packaged_app/dart_api.h"

namespace fletbridge::dart_vm {

// What arrived: bytes, or an integer. Valid during the call only.
struct Message {
  bool is_integer = false;
  std::int64_t integer = 0;
  std::span<const std::byte> bytes;
};

class DartVm {
 public:
  virtual ~DartVm() = default;
  // For DartBridge_InitDartApiDL. Lives as long as this object.
  [[nodiscard]] virtual const ApiTable* table() const = 0;
  [[nodiscard]] virtual std::string name() const = 0;
  // `handler` is called on a thread of the VM's, one message at a time per port. 0 if it failed.
  [[nodiscard]] virtual Port NewPort(std::function<void(const Message&)> handler) = 0;
  // False for a port that is closed already or was never open.
  virtual bool ClosePort(Port port) = 0;
};

// Behaves as the real VM does at a native port: bytes of kTypedData are copied while they are being
// posted; external ones are not copied, and their finalizer is called on the VM's thread once the
// handler has returned, or the port was closed. Each port has a thread.
//
// kInline leaves out the change of threads, to show a bridge's own part of a round trip: handlers
// are called inside the post, by whoever posts, perhaps two at a time; the rest is as said.
enum class Delivery { kThread, kInline };
[[nodiscard]] std::unique_ptr<DartVm> MakeFakeVm(Delivery delivery);

// The real one. Main thread, DISPLAY set. `client` is the folder of Flet's unpacked desktop client,
// `table_offset` where `dart::dart_api_data` lies in its engine. Starts the client, and
// calls `work` on a thread of its own once the client's main() runs. Ends the process with
// what `work` returns, since an engine has no way down; with 70 and one line on stderr if it cannot
// start.
[[noreturn]] void RunWithRealVm(const std::string& client, std::uintptr_t table_offset,
                                std::function<int(DartVm&)> work);

}  // namespace fletbridge::dart_vm
