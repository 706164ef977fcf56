#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <map>
#include <mutex>
#include <thread>
#include <unistd.h>
#include <utility>

#include "tests/dart_vm/dart_vm.h"

namespace fletbridge::dart_vm {
namespace {

[[noreturn]] void GiveUp(const std::string& why) {
  std::fprintf(stderr, "dart_vm_host: %s\n", why.c_str());
  std::fflush(nullptr);
  ::_exit(70);
}

void* Open(const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    GiveUp(std::string("cannot load ") + ::dlerror() + "; run tools/setup.sh");
  }
  return library;
}

// `type` is a function type: Function<int()>(library, "name")().
template <class Type>
Type* Function(void* library, const char* name) {
  void* found = ::dlsym(library, name);
  if (found == nullptr) GiveUp(std::string("no ") + name + " in GTK or the engine");
  return reinterpret_cast<Type*>(found);
}

using Handlers = std::map<Port, std::shared_ptr<const std::function<void(const Message&)>>>;
std::mutex handlers_mutex;                // Dart's handlers take no context
Handlers* const handlers = new Handlers;  // never destroyed: the VM's threads are never joined

void Handle(Port port, CObject* object) {
  std::shared_ptr<const std::function<void(const Message&)>> handler;
  {
    const std::lock_guard lock(handlers_mutex);
    const auto found = handlers->find(port);
    if (found != handlers->end()) handler = found->second;
  }
  if (!handler) return;
  Message message;
  switch (object->type) {
    // Type 8 arrives as 7; 13 as itself, laid out like both.
    case kTypedData:
    case kExternalTypedData:
    case kUnmodifiableExternalTypedData: {
      const auto& data = object->value.as_typed_data;
      message.bytes = {reinterpret_cast<const std::byte*>(data.values),
                       static_cast<std::size_t>(data.length)};
      break;
    }
    case kInt32:
    case kInt64:
      message.is_integer = true;
      message.integer = object->type == kInt32 ? object->value.as_int32 : object->value.as_int64;
      break;
    default:
      GiveUp("a message of type " + std::to_string(object->type) +
             " arrived, which no bridge sends");
  }
  (*handler)(message);
}

class RealVm final : public DartVm {
 public:
  explicit RealVm(const ApiTable* table) : table_(table) {
    for (const ApiEntry* entry = table->functions; entry->name != nullptr; ++entry) {
      if (std::strcmp(entry->name, "Dart_NewNativePort") == 0) {
        new_port_ = reinterpret_cast<NewNativePort>(entry->function);
      } else if (std::strcmp(entry->name, "Dart_CloseNativePort") == 0) {
        close_port_ = reinterpret_cast<CloseNativePort>(entry->function);
      }
    }
    if (new_port_ == nullptr || close_port_ == nullptr) {
      GiveUp("what lies at the table's offset is no Dart API; is it this engine's offset?");
    }
  }

  const ApiTable* table() const override { return table_; }
  std::string name() const override { return "real"; }

  Port NewPort(std::function<void(const Message&)> handler) override {
    const std::lock_guard lock(handlers_mutex);  // nothing can arrive before it is in the map
    const Port port = new_port_("fletbridge", &Handle, false);
    if (port != 0) {
      (*handlers)[port] =
          std::make_shared<const std::function<void(const Message&)>>(std::move(handler));
    }
    return port;
  }

  bool ClosePort(Port port) override { return close_port_(port); }

 private:
  const ApiTable* table_;
  NewNativePort new_port_ = nullptr;
  CloseNativePort close_port_ = nullptr;
};

std::uintptr_t AddressOf(void* library) {
  link_map* map = nullptr;
  if (::dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) GiveUp("the engine has no link map");
  return map->l_addr;
}

// What begins when the client's main() runs: once, then for the rest of the process.
struct Work {
  const ApiTable* table;
  void* (*keep)(void*);  // g_object_ref
  std::function<int(DartVm&)> run;
};

// The client asks the plugin of its window first of all. It gets no answer and draws nothing: then
// the isolate rests, and nothing of it stands in the measured time.
void OnPluginCall(void*, const char*, void*, void* response, void* data) {
  auto* work = static_cast<Work*>(data);
  work->keep(response);
  if (!work->run) return;
  std::thread([table = work->table, run = std::exchange(work->run, nullptr)] {
    RealVm vm(table);
    const int code = run(vm);
    std::fflush(nullptr);
    ::_exit(code);
  }).detach();
}

}  // namespace

void RunWithRealVm(const std::string& client, std::uintptr_t table_offset,
                   std::function<int(DartVm&)> work) {
  using Pointer = void*;
  void* gtk = Open("libgtk-3.so.0");
  void* engine = Open(client + "/lib/libflutter_linux_gtk.so");
  if (Function<int(int*, char***)>(gtk, "gtk_init_check")(nullptr, nullptr) == 0) {
    GiveUp("no display for GTK; is DISPLAY set and its server running?");
  }
  const auto set = [engine](const char* name, Pointer project, const std::string& path) {
    Function<void(Pointer, const char*)>(engine, name)(project, path.c_str());
  };
  Pointer project = Function<Pointer()>(engine, "fl_dart_project_new")();
  set("fl_dart_project_set_assets_path", project, client + "/data/flutter_assets");
  set("fl_dart_project_set_icu_data_path", project, client + "/data/icudtl.dat");
  set("fl_dart_project_set_aot_library_path", project, client + "/lib/libapp.so");
  // Page URL, pid file, assets folder: the client waits for an app that never comes.
  const char* arguments[] = {"mock", "", "", nullptr};
  Function<void(Pointer, const char**)>(engine, "fl_dart_project_set_dart_entrypoint_arguments")(
      project, arguments);

  Pointer window = Function<Pointer(int)>(gtk, "gtk_window_new")(0);
  Pointer view = Function<Pointer(Pointer)>(engine, "fl_view_new")(project);
  const auto* table = reinterpret_cast<const ApiTable*>(AddressOf(engine) + table_offset);
  if (table->major != 2) GiveUp("what lies at the table's offset is not version 2 of Dart's API");
  Pointer messenger = Function<Pointer(Pointer)>(engine, "fl_engine_get_binary_messenger")(
      Function<Pointer(Pointer)>(engine, "fl_view_get_engine")(view));
  Function<void(Pointer, const char*, decltype(&OnPluginCall), Pointer, Pointer)>(
      engine, "fl_binary_messenger_set_message_handler_on_channel")(
      messenger, "window_manager", &OnPluginCall,
      new Work{table, Function<Pointer(Pointer)>(gtk, "g_object_ref"), std::move(work)}, nullptr);
  const auto show = Function<void(Pointer)>(gtk, "gtk_widget_show");
  show(view);
  Function<void(Pointer, Pointer)>(gtk, "gtk_container_add")(window, view);
  show(window);
  Function<void()>(gtk, "gtk_main")();
  GiveUp("the engine's window was closed");
}

}  // namespace fletbridge::dart_vm
