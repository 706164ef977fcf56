// Hosts a Flet app in this process, by libdart_bridge, and is its client: prints the app's first
// text whenever it changes, and presses its last button, three times.
//
//   embed APP.py SITE_PACKAGES
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fletbridge/dart_bridge.h>
#include <fletbridge/wire/codec.h>
#include <fletbridge/wire/control_tree.h>
#include <mutex>
#include <queue>
#include <span>
#include <string>
#include <thread>

namespace {

namespace wire = fletbridge::wire;
using wire::Value;

// The app's packets, which it posts as to a Dart VM, whose ports we invent.
constexpr std::int64_t kProtocol = 1000, kExit = 1001;
std::mutex mutex;
std::condition_variable changed;
std::queue<std::string> packets;

struct Posted {  // Dart_CObject with typed data
  std::int32_t type;
  alignas(8) std::int32_t element;
  std::intptr_t length;
  const char* bytes;
  void* peer;
  void (*release)(void* unused, void* peer);
};

bool Post(std::int64_t port, Posted* posted) {
  constexpr std::int32_t kCopied = 7, kLent = 13;
  if (posted->type != kCopied && posted->type != kLent) return false;
  if (port == kProtocol) {
    const std::scoped_lock lock(mutex);
    packets.emplace(posted->bytes + 1,
                    static_cast<std::size_t>(posted->length) - 1);  // behind the packet's type
    changed.notify_one();
  }
  if (posted->type == kLent) posted->release(nullptr, posted->peer);
  return true;
}

struct Entry {
  const char* name;
  bool (*function)(std::int64_t, Posted*);
};
const Entry entries[] = {{"Dart_PostCObject", Post}, {nullptr, nullptr}};
struct {
  int major = 2, minor = 0;
  const Entry* functions = entries;
} table;

void Send(const fletbridge::Buffer& message) {
  const std::string packet = std::string(1, '\0') + std::string(message.text());
  // Until the app listens.
  while (DartBridge_EnqueueMessage(kProtocol, packet.data(), packet.size()) != 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

// The first or the last control of a type, below `value`.
void Find(const Value& value, std::string_view type, bool first, const wire::Map*& found) {
  if (const wire::Map* map = value.AsMap()) {
    if (wire::ControlType(*map) == type && (found == nullptr || !first)) found = map;
    for (const auto& [name, below] : map->entries) Find(below, type, first, found);
  } else if (const wire::List* list = value.AsList()) {
    for (const Value& below : list->items) Find(below, type, first, found);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: embed APP.py SITE_PACKAGES\n", stderr), 2;
  const char* keys[] = {"FLET_PLATFORM", "FLET_DART_BRIDGE_PORT", "FLET_DART_BRIDGE_EXIT_PORT",
                        nullptr};
  const char* values[] = {"linux", "1000", "1001", nullptr};
  const char* paths[] = {argv[2], nullptr};
  sp_run_config_t program{};
  program.app_path = argv[1];
  program.module_paths = paths;
  program.env_keys = keys;
  program.env_values = values;
  if (DartBridge_InitDartApiDL(&table) != 0 || serious_python_run(&program) != 0) return 70;

  Value page =
      Value::MapOf({{"route", "/"}, {"platform", "linux"}, {"width", 800.0}, {"height", 600.0}});
  wire::ControlTree tree(page);
  const wire::Codec& codec = wire::Newest();
  Send(codec.EncodeOne(wire::Register{{}, {}, page}));
  std::string shown;
  for (int presses = 0;;) {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, std::chrono::seconds(30), [] { return !packets.empty(); }))
      return 1;
    const std::string packet = std::move(packets.front());
    packets.pop();
    lock.unlock();
    auto message = codec.Decode(fletbridge::Sender::kApp, std::as_bytes(std::span(packet)));
    if (!message) return std::puts(message.error().Line().c_str()), 1;
    if (auto* answer = std::get_if<wire::RegisterAnswer>(&*message)) {
      if (!tree.Register(std::move(answer->page_patch))) return 1;
    } else if (auto* patch = std::get_if<wire::Patch>(&*message)) {
      if (!tree.Apply(*patch)) return 1;
    } else if (auto* call = std::get_if<wire::InvokeMethod>(&*message)) {
      Send(codec.EncodeOne(wire::MethodResult{call->control_id, call->call_id, {}, {}}));
    } else if (auto* crash = std::get_if<wire::SessionCrashed>(&*message)) {
      return std::puts(crash->message.c_str()), 1;
    }
    const wire::Map *text = nullptr, *button = nullptr;
    for (const auto& [name, value] : tree.page().entries) {
      Find(value, "Text", true, text);
      Find(value, "Button", false, button);
      if (button == nullptr) Find(value, "IconButton", false, button);
    }
    const Value* now = text == nullptr ? nullptr : text->Find("value");
    if (now == nullptr || now->AsText() == nullptr || *now->AsText() == shown) continue;
    std::puts((shown = *now->AsText()).c_str());
    if (button == nullptr || presses++ == 3) serious_python_hard_exit(std::fflush(stdout));
    Send(codec.EncodeOne(wire::ControlEvent{wire::ControlId(*button), "click", {}}));
  }
}
