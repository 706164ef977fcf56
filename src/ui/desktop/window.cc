#include "src/ui/desktop/window.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <pthread.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "common/base/log.h"
#include "common/platform/threads.h"
#include "common/platform/user_locale.h"
#include "src/ui/desktop/library.h"

namespace fletbridge::desktop {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Opaque pointers to GTK's and the engine's objects.
using Object = void*;

struct GlibError {  // GError
  std::uint32_t domain;
  int code;
  const char* message;
};

constexpr int kNonUnique = 1 << 5;  // G_APPLICATION_NON_UNIQUE: each run is a program of its own
constexpr int kAfter = 1;           // G_CONNECT_AFTER
constexpr const char* kApplicationId = "com.appveyor.flet";  // as in Flet's own runner
constexpr int kWidth = 1280;
constexpr int kHeight = 720;
constexpr std::chrono::milliseconds kRest{1000};
constexpr std::string_view kRegister = "_register_with_registrar";
// Not registered: it only prints a line, here into the app's stdout.
constexpr std::string_view kGreeter = "media_kit_libs_linux_plugin_register_with_registrar";

// The name by which a taskbar identifies the window: that of the client's own runner, or, as in
// Flet 1.0, the one in the app's environment.
std::string ProgramName() {
  const char* id = std::getenv("FLET_APP_ID");
  const std::string name = id != nullptr ? id : "";
  const bool usable = !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    return c == '/' || std::iscntrl(static_cast<unsigned char>(c)) != 0;
  });
  return usable ? name : "flet";
}

// "url_launcher_plugin" -> "UrlLauncherPlugin", the name that the client's own runner uses.
std::string PluginName(std::string_view function) {
  std::string name;
  bool upper = true;
  for (const char c : function.substr(0, function.size() - kRegister.size())) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name;
}

}  // namespace

struct Window::Impl : std::enable_shared_from_this<Impl> {
  Impl(WindowOptions window_options, WindowEvents window_events)
      : options(std::move(window_options)), events(std::move(window_events)) {}

  // `Type`: a function type. All symbols are looked up before any is called.
  template <class Type>
  Type* Get(const Library& library, const char* name) {
    void* found = library.Find(name);
    if (found == nullptr && missing.empty()) missing = name;
    return reinterpret_cast<Type*>(found);
  }

  // The functions of GTK 3 and of the engine.
  struct Functions {
    int (*gtk_init_check)(int*, char***);
    void (*gtk_disable_setlocale)();
    Object (*gtk_application_new)(const char*, int);
    Object (*gtk_application_window_new)(Object);
    void (*gtk_window_set_title)(Object, const char*);
    void (*gtk_window_set_default_size)(Object, int, int);
    Object (*gtk_window_get_screen)(Object);
    void (*gtk_window_set_titlebar)(Object, Object);
    Object (*gtk_header_bar_new)();
    void (*gtk_header_bar_set_title)(Object, const char*);
    void (*gtk_header_bar_set_show_close_button)(Object, int);
    void (*gtk_container_add)(Object, Object);
    void (*gtk_widget_show)(Object);
    void (*gtk_widget_grab_focus)(Object);
    void (*gtk_widget_hide)(Object);
    Object (*gtk_widget_get_window)(Object);
    Object (*gdk_window_create_gl_context)(Object, GlibError**);
    int (*gdk_gl_context_realize)(Object, GlibError**);
    void (*gdk_gl_context_clear_current)();
    Object (*gdk_display_get_default)();
    void (*gdk_display_flush)(Object);
    int (*g_application_run)(Object, int, char**);
    void (*g_application_quit)(Object);
    unsigned long (*g_signal_connect_data)(Object, const char*, void (*)(), void*, void*, int);
    unsigned (*g_signal_lookup)(const char*, std::size_t);
    void (*g_object_add_weak_pointer)(Object, Object*);
    void (*g_object_unref)(Object);
    unsigned (*g_idle_add)(int (*)(void*), void*);
    unsigned (*g_timeout_add)(unsigned, int (*)(void*), void*);
    Object (*gtk_widget_get_frame_clock)(Object);
    int (*g_type_check_instance_is_a)(Object, std::size_t);
    void (*g_set_prgname)(const char*);
    Object (*fl_dart_project_new)();
    void (*fl_dart_project_set_assets_path)(Object, const char*);
    void (*fl_dart_project_set_icu_data_path)(Object, const char*);
    void (*fl_dart_project_set_aot_library_path)(Object, const char*);
    void (*fl_dart_project_set_dart_entrypoint_arguments)(Object, char**);
    Object (*fl_view_new)(Object);
    std::size_t (*fl_view_get_type)();
    Object (*fl_plugin_registry_get_registrar_for_plugin)(Object, const char*);
  };

  Result<> Load() {
    Result<Library> gtk = Library::Open("libgtk-3.so.0");
    if (!gtk) {
      return MakeError(Errc::kSetup, "no window without GTK 3: " + gtk.error().Line() +
                                         "; install it (Debian: apt install libgtk-3-0), or use "
                                         "--ui headless");
    }
    Result<Library> engine = Library::Open(options.client + "/lib/libflutter_linux_gtk.so");
    if (!engine) {
      return MakeError(Errc::kSetup,
                       "cannot load the engine of Flet's client: " + engine.error().Line() +
                           "; install what it needs, or name another client with "
                           "--flet-client");
    }
#define FLETBRIDGE_GET(library, name) \
  f.name = Get<std::remove_pointer_t<decltype(f.name)>>(*(library), #name)
    FLETBRIDGE_GET(gtk, gtk_init_check);
    FLETBRIDGE_GET(gtk, gtk_disable_setlocale);
    FLETBRIDGE_GET(gtk, gtk_application_new);
    FLETBRIDGE_GET(gtk, gtk_application_window_new);
    FLETBRIDGE_GET(gtk, gtk_window_set_title);
    FLETBRIDGE_GET(gtk, gtk_window_set_default_size);
    FLETBRIDGE_GET(gtk, gtk_window_get_screen);
    FLETBRIDGE_GET(gtk, gtk_window_set_titlebar);
    FLETBRIDGE_GET(gtk, gtk_header_bar_new);
    FLETBRIDGE_GET(gtk, gtk_header_bar_set_title);
    FLETBRIDGE_GET(gtk, gtk_header_bar_set_show_close_button);
    FLETBRIDGE_GET(gtk, gtk_container_add);
    FLETBRIDGE_GET(gtk, gtk_widget_show);
    FLETBRIDGE_GET(gtk, gtk_widget_grab_focus);
    FLETBRIDGE_GET(gtk, gtk_widget_hide);
    FLETBRIDGE_GET(gtk, gtk_widget_get_window);
    FLETBRIDGE_GET(gtk, gdk_window_create_gl_context);
    FLETBRIDGE_GET(gtk, gdk_gl_context_realize);
    FLETBRIDGE_GET(gtk, gdk_gl_context_clear_current);
    FLETBRIDGE_GET(gtk, gdk_display_get_default);
    FLETBRIDGE_GET(gtk, gdk_display_flush);
    FLETBRIDGE_GET(gtk, g_application_run);
    FLETBRIDGE_GET(gtk, g_application_quit);
    FLETBRIDGE_GET(gtk, g_signal_connect_data);
    FLETBRIDGE_GET(gtk, g_signal_lookup);
    FLETBRIDGE_GET(gtk, g_object_add_weak_pointer);
    FLETBRIDGE_GET(gtk, g_object_unref);
    FLETBRIDGE_GET(gtk, g_idle_add);
    FLETBRIDGE_GET(gtk, g_timeout_add);
    FLETBRIDGE_GET(gtk, gtk_widget_get_frame_clock);
    FLETBRIDGE_GET(gtk, g_type_check_instance_is_a);
    FLETBRIDGE_GET(gtk, g_set_prgname);
    FLETBRIDGE_GET(engine, fl_dart_project_new);
    FLETBRIDGE_GET(engine, fl_dart_project_set_assets_path);
    FLETBRIDGE_GET(engine, fl_dart_project_set_icu_data_path);
    FLETBRIDGE_GET(engine, fl_dart_project_set_aot_library_path);
    FLETBRIDGE_GET(engine, fl_dart_project_set_dart_entrypoint_arguments);
    FLETBRIDGE_GET(engine, fl_view_new);
    FLETBRIDGE_GET(engine, fl_view_get_type);
    FLETBRIDGE_GET(engine, fl_plugin_registry_get_registrar_for_plugin);
#undef FLETBRIDGE_GET
    // A GDK without X11 has neither.
    using ScreenType = std::size_t();
    using ManagerName = const char*(Object);
    x11_screen_type = reinterpret_cast<ScreenType*>(gtk->Find("gdk_x11_screen_get_type"));
    x11_manager =
        reinterpret_cast<ManagerName*>(gtk->Find("gdk_x11_screen_get_window_manager_name"));
    if (missing.empty()) return {};
    return MakeError(Errc::kSetup, "the client in " + options.client + " has an engine without " +
                                       missing + "; name another one with --flet-client");
  }

  struct Plugin {
    std::string name;
    Result<Library> library;
  };

  // Loads the plugins with their dependencies, such as a media player. In parallel with the
  // engine's start, but not before the window is shown, since the loader serves one thread at a
  // time.
  static std::vector<Plugin> LoadPlugins(const std::string& client) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator at(client + "/lib", error);
         !error && at != fs::directory_iterator(); at.increment(error))
      files.push_back(at->path());
    std::sort(files.begin(), files.end());
    std::vector<Plugin> plugins;
    for (const fs::path& file : files) {
      const std::string name = file.filename();
      if (name.ends_with("_plugin.so")) plugins.push_back({name, Library::Open(file)});
    }
    return plugins;
  }

  // Registers every available plugin: without its plugins the client never draws.
  void RegisterPlugins(Object view) {
    for (const auto& [name, library] : plugins.get()) {
      if (!library) {
        Log(LogLevel::kWarning, "Flet's client goes without " + name + ": " +
                                    library.error().Line() + "; install that library");
        continue;
      }
      for (const std::string& function : library->NamesEndingWith(kRegister)) {
        if (function == kGreeter) continue;
        auto* add = reinterpret_cast<void (*)(Object)>(library->Find(function.c_str()));
        Object registrar =
            f.fl_plugin_registry_get_registrar_for_plugin(view, PluginName(function).c_str());
        add(registrar);
        f.g_object_unref(registrar);
      }
    }
  }

  // Why drawing is impossible, in which case the engine or libepoxy would end the process; empty if
  // it is possible.
  std::string NoOpenGl() {
    constexpr int kExtensions = 0x3055;  // EGL_EXTENSIONS
    Result<Library> egl = Library::Open("libEGL.so.1");
    if (!egl) return egl.error().Line();
    auto* query = reinterpret_cast<const char* (*)(void*, int)>(egl->Find("eglQueryString"));
    const char* has = query != nullptr ? query(nullptr, kExtensions) : nullptr;
    if (has == nullptr || std::string_view(has).find("EGL_EXT_platform_base") == std::string::npos)
      return "libEGL has no driver";
    GlibError* error = nullptr;
    Object context = f.gdk_window_create_gl_context(f.gtk_widget_get_window(window), &error);
    if (context != nullptr && error == nullptr) f.gdk_gl_context_realize(context, &error);
    if (context != nullptr) {
      f.gdk_gl_context_clear_current();
      f.g_object_unref(context);
    }
    return error != nullptr ? error->message : "";
  }

  // As in the client's own runner: a header bar, except where the window manager of an X display
  // draws title bars.
  bool WantsHeaderBar() {
    if (x11_screen_type == nullptr || x11_manager == nullptr) return true;
    Object screen = f.gtk_window_get_screen(window);
    if (f.g_type_check_instance_is_a(screen, x11_screen_type()) == 0) return true;
    return std::string_view(x11_manager(screen)) == "GNOME Shell";
  }

  void AddHeaderBar() {
    Object bar = f.gtk_header_bar_new();
    f.gtk_widget_show(bar);
    f.gtk_header_bar_set_title(bar, options.title.c_str());
    f.gtk_header_bar_set_show_close_button(bar, 1);
    f.gtk_window_set_titlebar(window, bar);
  }

  void Activate() {
    window = f.gtk_application_window_new(application);
    f.g_object_add_weak_pointer(window, &window);
    if (WantsHeaderBar()) AddHeaderBar();
    f.gtk_window_set_title(window, options.title.c_str());
    f.gtk_window_set_default_size(window, kWidth, kHeight);
    f.gtk_widget_show(window);
    events.on_shown();
    plugins = std::async(std::launch::async, LoadPlugins, options.client);
    if (const std::string why = NoOpenGl(); !why.empty()) {
      failure = MakeError(Errc::kSetup, "no window without OpenGL: " + why +
                                            "; install a driver (Debian: apt install libegl1 "
                                            "libgl1-mesa-dri), or use --ui headless");
      f.g_application_quit(application);
      return;
    }
    Object project = f.fl_dart_project_new();
    f.fl_dart_project_set_assets_path(project, (options.client + "/data/flutter_assets").c_str());
    f.fl_dart_project_set_icu_data_path(project, (options.client + "/data/icudtl.dat").c_str());
    f.fl_dart_project_set_aot_library_path(project, (options.client + "/lib/libapp.so").c_str());
    std::vector<char*> arguments;
    for (std::string& argument : options.arguments) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    f.fl_dart_project_set_dart_entrypoint_arguments(project, arguments.data());
    Object view = f.fl_view_new(project);
    f.g_object_unref(project);
    if (f.g_signal_lookup("first-frame", f.fl_view_get_type()) != 0) {
      f.g_signal_connect_data(view, "first-frame", reinterpret_cast<void (*)()>(&OnFirstFrame),
                              this, nullptr, 0);
    }
    f.gtk_widget_show(view);
    f.gtk_container_add(window, view);
    RegisterPlugins(view);
    if (Object clock = f.gtk_widget_get_frame_clock(window); clock != nullptr) {
      f.g_signal_connect_data(clock, "after-paint", reinterpret_cast<void (*)()>(&OnPainted), this,
                              nullptr, 0);
    }
    // After all other handlers, since one may keep the window open (prevent_close).
    f.g_signal_connect_data(window, "delete-event", reinterpret_cast<void (*)()>(&OnDelete), this,
                            nullptr, kAfter);
    f.gtk_widget_grab_focus(view);
  }

  static void OnActivate(Object, void* data) { static_cast<Impl*>(data)->Activate(); }
  static void OnFirstFrame(Object, void* data) {
    auto* impl = static_cast<Impl*>(data);
    if (!std::exchange(impl->drawn, true)) impl->events.on_frame_drawn();
  }
  // A frame has been drawn: restarts the timer of on_rest.
  static void OnPainted(Object, void* data) {
    auto* impl = static_cast<Impl*>(data);
    impl->painted = Clock::now();
    if (!std::exchange(impl->awaits_rest, true)) impl->AwaitRest(kRest);
  }
  void AwaitRest(std::chrono::milliseconds time) {
    f.g_timeout_add(static_cast<unsigned>(time.count()), &OnTime, this);
  }
  static int OnTime(void* data) {
    auto* impl = static_cast<Impl*>(data);
    const auto rested =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - impl->painted);
    if (rested < kRest) {
      impl->AwaitRest(kRest - rested);
    } else {
      impl->awaits_rest = false;
      impl->events.on_rest();
    }
    return 0;
  }
  // The user or the app closes the window. Returns 1, so that GTK does not destroy it: the client
  // still answers the app until Close().
  static int OnDelete(Object, void*, void* data) {
    static_cast<Impl*>(data)->End({});
    return 1;
  }
  // On the window's thread, the only one that calls GTK.
  static int OnClose(void* data) {
    const std::unique_ptr<std::shared_ptr<Impl>> self(static_cast<std::shared_ptr<Impl>*>(data));
    Impl& impl = **self;
    impl.f.g_application_quit(impl.application);
    return 0;
  }

  Error Show() {
    const platform::UserLocale locale;
    f.gtk_disable_setlocale();
    f.g_set_prgname(ProgramName().c_str());
    if (f.gtk_init_check(nullptr, nullptr) == 0) {
      return MakeError(Errc::kSetup,
                       "cannot open a window: no display answers at DISPLAY or WAYLAND_DISPLAY; "
                       "set it to one that runs, or use --ui headless");
    }
    // A client that quits ends this application; without one the engine would end the process.
    application = f.gtk_application_new(kApplicationId, kNonUnique);
    f.g_signal_connect_data(application, "activate", reinterpret_cast<void (*)()>(&OnActivate),
                            this, nullptr, 0);
    f.g_application_run(application, 0, nullptr);
    return failure;
  }

  // Reports once that the window has closed. The window is hidden and not destroyed, since the
  // engine would end the process without its view.
  void End(const Error& why) {
    if (std::exchange(told, true)) return;
    if (window != nullptr) f.gtk_widget_hide(window);
    if (application != nullptr) f.gdk_display_flush(f.gdk_display_get_default());
    ended.store(application == nullptr);
    events.on_closed(why);
  }

  void Run() {
    ::pthread_setname_np(::pthread_self(), "fletbridge-ui");
    Error why;
    if (Result<> loaded = Load(); !loaded) {
      why = loaded.error();
    } else {
      loaded_.store(true);
      if (!closing_.load()) why = Show();
    }
    End(why);
    // This thread must live, since the engine keeps thread-local data in it. The engine is idle,
    // since the thread's main loop no longer runs.
    while (application != nullptr) ::pause();
  }

  WindowOptions options;
  const WindowEvents events;
  std::atomic<bool> ended{false};  // the thread ends, or has ended
  std::atomic<bool> closing_{false};
  std::atomic<bool> loaded_{false};  // `f` is complete
  // window's thread only
  Functions f{};
  std::size_t (*x11_screen_type)() = nullptr;
  const char* (*x11_manager)(Object) = nullptr;
  std::string missing;
  Error failure;  // why no view was made
  Object application = nullptr;
  Object window = nullptr;  // GTK clears it when the window is destroyed
  std::future<std::vector<Plugin>> plugins;
  bool drawn = false;
  Clock::time_point painted;
  bool awaits_rest = false;
  bool told = false;  // on_closed
  // the owner's
  std::thread thread;
};

Window::Window(WindowOptions options, WindowEvents events)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(events))) {}

Window::~Window() {
  if (!impl_->thread.joinable()) return;
  if (impl_->ended.load()) {
    impl_->thread.join();
  } else {
    impl_->thread.detach();
  }
}

void Window::Open() {
  // Inherited by the threads that the engine starts.
  impl_->thread = platform::StartWithoutSignals([impl = impl_] { impl->Run(); });
}

void Window::Close() {
  if (impl_->closing_.exchange(true)) return;
  // Before that the thread checks it itself.
  if (impl_->loaded_.load()) impl_->f.g_idle_add(&Impl::OnClose, new std::shared_ptr<Impl>(impl_));
}

}  // namespace fletbridge::desktop
