#include "src/ui/webview/web_window.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

#include "common/base/log.h"
#include "common/platform/threads.h"
#include "common/platform/user_locale.h"

namespace fletbridge::webview {
namespace {

// Opaque pointers to GTK's and WebKit's objects.
using Object = void*;

struct GlibError {  // GError
  std::uint32_t domain;
  int code;
  const char* message;
};

constexpr int kWidth = 1280;
constexpr int kHeight = 720;
constexpr int kTopLevel = 0;         // GTK_WINDOW_TOPLEVEL
constexpr int kAtDocumentStart = 0;  // WEBKIT_USER_SCRIPT_INJECT_AT_DOCUMENT_START
constexpr int kResponseHeaders = 1;  // SOUP_MESSAGE_HEADERS_RESPONSE
constexpr int kTopFrame = 1;         // WEBKIT_USER_CONTENT_INJECT_TOP_FRAME
constexpr const char* kScheme = "fletbridge";
constexpr const char* kPage = "fletbridge://app/";
constexpr const char* kLibrary = "libwebkit2gtk-4.1.so.0";

// Each message to us is one string: a letter, and what it says. Bytes are characters below 256.
constexpr const char* kChannel = R"js(
(() => {
  const tell = (text) => window.webkit.messageHandlers.fletbridge.postMessage(text);
  const said = (data) => {
    let text = 'p';
    for (let at = 0; at < data.length; at += 8192)
      text += String.fromCharCode.apply(null, data.subarray(at, at + 8192));
    return text;
  };
  let take = null;
  globalThis.fletbridgeTake = (base64) => {
    if (take === null) return;
    const text = atob(base64);
    const data = new Uint8Array(text.length);
    for (let at = 0; at < text.length; ++at) data[at] = text.charCodeAt(at);
    take(data);
  };
  const functions = {
    jsConnect: async (appId, args, onMessage) => { take = onMessage; tell('c'); },
    jsSend: async (appId, data) => { if (take !== null) tell(said(data)); },
    jsDisconnect: async (appId) => { if (take !== null) { take = null; tell('d'); } },
  };
  // The client's own script defines them again.
  for (const [name, value] of Object.entries(functions))
    Object.defineProperty(globalThis, name, { get: () => value, set: () => {} });
  window.addEventListener('flutter-first-frame', () => tell('f'), { once: true });
})();
)js";

std::string Refusal(const std::string& why) {
  return "no webview without WebKitGTK 4.1: " + why +
         "; install it (Debian: apt install libwebkit2gtk-4.1-0), or use --ui web or headless";
}

// The symbols are not made global, as for the other UI with a window.
Result<void*> OpenWebKit() {
  void* library = ::dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return MakeError(Errc::kSetup, Refusal(::dlerror()));
  return library;
}

// Latin-1 as JavaScript's strings say bytes, in UTF-8 as WebKit hands them over; false: no such
// text.
bool BytesOf(std::string_view utf8, std::string& bytes) {
  bytes.clear();
  bytes.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size(); ++at) {
    const auto byte = static_cast<unsigned char>(utf8[at]);
    if (byte < 0x80) {
      bytes += static_cast<char>(byte);
      continue;
    }
    // U+0080 to U+00FF alone: two bytes, of which the first is C2 or C3.
    if ((byte != 0xC2 && byte != 0xC3) || at + 1 == utf8.size()) return false;
    const auto next = static_cast<unsigned char>(utf8[++at]);
    if ((next & 0xC0) != 0x80) return false;
    bytes += static_cast<char>((byte & 0x03) << 6 | (next & 0x3F));
  }
  return true;
}

}  // namespace

struct WebWindow::Impl : std::enable_shared_from_this<Impl> {
  Impl(WebWindowOptions window_options, WebWindowEvents window_events)
      : options(std::move(window_options)), events(std::move(window_events)) {}

  struct Functions {
    int (*gtk_init_check)(int*, char***);
    void (*gtk_disable_setlocale)();
    Object (*gtk_window_new)(int);
    void (*gtk_window_set_title)(Object, const char*);
    void (*gtk_window_set_default_size)(Object, int, int);
    void (*gtk_container_add)(Object, Object);
    void (*gtk_widget_show_all)(Object);
    void (*gtk_widget_hide)(Object);
    void (*gtk_widget_grab_focus)(Object);
    void (*gtk_main)();
    void (*gtk_main_quit)();
    Object (*gdk_display_get_default)();
    void (*gdk_display_flush)(Object);
    unsigned long (*g_signal_connect_data)(Object, const char*, void (*)(), void*, void*, int);
    unsigned (*g_idle_add)(int (*)(void*), void*);
    void (*g_set_prgname)(const char*);
    char* (*g_base64_encode)(const void*, std::size_t);
    void (*g_free)(void*);
    void (*g_object_unref)(Object);
    void (*g_error_free)(GlibError*);
    GlibError* (*g_error_new_literal)(std::uint32_t, int, const char*);
    std::uint32_t (*g_quark_from_static_string)(const char*);
    Object (*g_bytes_new_with_free_func)(const void*, std::size_t, void (*)(void*), void*);
    Object (*g_memory_input_stream_new_from_bytes)(Object);
    const void* (*g_bytes_get_data)(Object, std::size_t*);
    void (*g_bytes_unref)(Object);
    Object (*webkit_web_context_new_ephemeral)();
    void (*webkit_web_context_set_preferred_languages)(Object, const char* const*);
    void (*webkit_web_context_register_uri_scheme)(Object, const char*, void (*)(Object, void*),
                                                   void*, void (*)(void*));
    Object (*webkit_web_context_get_security_manager)(Object);
    void (*webkit_security_manager_register_uri_scheme_as_secure)(Object, const char*);
    void (*webkit_security_manager_register_uri_scheme_as_cors_enabled)(Object, const char*);
    const char* (*webkit_uri_scheme_request_get_path)(Object);
    void (*webkit_uri_scheme_request_finish_with_response)(Object, Object);
    Object (*webkit_uri_scheme_response_new)(Object, std::int64_t);
    void (*webkit_uri_scheme_response_set_content_type)(Object, const char*);
    void (*webkit_uri_scheme_response_set_http_headers)(Object, Object);
    Object (*soup_message_headers_new)(int);
    void (*soup_message_headers_append)(Object, const char*, const char*);
    void (*webkit_uri_scheme_request_finish_error)(Object, GlibError*);
    Object (*webkit_web_view_new_with_context)(Object);
    Object (*webkit_web_view_get_user_content_manager)(Object);
    int (*webkit_user_content_manager_register_script_message_handler)(Object, const char*);
    void (*webkit_user_content_manager_add_script)(Object, Object);
    Object (*webkit_user_script_new)(const char*, int, int, const char* const*, const char* const*);
    void (*webkit_web_view_load_uri)(Object, const char*);
    const char* (*webkit_web_view_get_title)(Object);
    void (*webkit_web_view_run_javascript)(Object, const char*, Object,
                                           void (*)(Object, Object, void*), void*);
    Object (*webkit_web_view_run_javascript_finish)(Object, Object, GlibError**);
    void (*webkit_javascript_result_unref)(Object);
    Object (*webkit_javascript_result_get_js_value)(Object);
    Object (*jsc_value_to_string_as_bytes)(Object);
  };

  Result<> Load() {
    Result<void*> library = OpenWebKit();
    if (!library) return library.error();
    std::string missing;
#define FLETBRIDGE_GET(name)                                             \
  f.name = reinterpret_cast<decltype(f.name)>(::dlsym(*library, #name)); \
  if (f.name == nullptr && missing.empty()) missing = #name
    FLETBRIDGE_GET(gtk_init_check);
    FLETBRIDGE_GET(gtk_disable_setlocale);
    FLETBRIDGE_GET(gtk_window_new);
    FLETBRIDGE_GET(gtk_window_set_title);
    FLETBRIDGE_GET(gtk_window_set_default_size);
    FLETBRIDGE_GET(gtk_container_add);
    FLETBRIDGE_GET(gtk_widget_show_all);
    FLETBRIDGE_GET(gtk_widget_hide);
    FLETBRIDGE_GET(gtk_widget_grab_focus);
    FLETBRIDGE_GET(gtk_main);
    FLETBRIDGE_GET(gtk_main_quit);
    FLETBRIDGE_GET(gdk_display_get_default);
    FLETBRIDGE_GET(gdk_display_flush);
    FLETBRIDGE_GET(g_signal_connect_data);
    FLETBRIDGE_GET(g_idle_add);
    FLETBRIDGE_GET(g_set_prgname);
    FLETBRIDGE_GET(g_base64_encode);
    FLETBRIDGE_GET(g_free);
    FLETBRIDGE_GET(g_object_unref);
    FLETBRIDGE_GET(g_error_free);
    FLETBRIDGE_GET(g_error_new_literal);
    FLETBRIDGE_GET(g_quark_from_static_string);
    FLETBRIDGE_GET(g_bytes_new_with_free_func);
    FLETBRIDGE_GET(g_memory_input_stream_new_from_bytes);
    FLETBRIDGE_GET(g_bytes_get_data);
    FLETBRIDGE_GET(g_bytes_unref);
    FLETBRIDGE_GET(webkit_web_context_new_ephemeral);
    FLETBRIDGE_GET(webkit_web_context_set_preferred_languages);
    FLETBRIDGE_GET(webkit_web_context_register_uri_scheme);
    FLETBRIDGE_GET(webkit_web_context_get_security_manager);
    FLETBRIDGE_GET(webkit_security_manager_register_uri_scheme_as_secure);
    FLETBRIDGE_GET(webkit_security_manager_register_uri_scheme_as_cors_enabled);
    FLETBRIDGE_GET(webkit_uri_scheme_request_get_path);
    FLETBRIDGE_GET(webkit_uri_scheme_request_finish_with_response);
    FLETBRIDGE_GET(webkit_uri_scheme_response_new);
    FLETBRIDGE_GET(webkit_uri_scheme_response_set_content_type);
    FLETBRIDGE_GET(webkit_uri_scheme_response_set_http_headers);
    FLETBRIDGE_GET(soup_message_headers_new);
    FLETBRIDGE_GET(soup_message_headers_append);
    FLETBRIDGE_GET(webkit_uri_scheme_request_finish_error);
    FLETBRIDGE_GET(webkit_web_view_new_with_context);
    FLETBRIDGE_GET(webkit_web_view_get_user_content_manager);
    FLETBRIDGE_GET(webkit_user_content_manager_register_script_message_handler);
    FLETBRIDGE_GET(webkit_user_content_manager_add_script);
    FLETBRIDGE_GET(webkit_user_script_new);
    FLETBRIDGE_GET(webkit_web_view_load_uri);
    FLETBRIDGE_GET(webkit_web_view_get_title);
    FLETBRIDGE_GET(webkit_web_view_run_javascript);
    FLETBRIDGE_GET(webkit_web_view_run_javascript_finish);
    FLETBRIDGE_GET(webkit_javascript_result_unref);
    FLETBRIDGE_GET(webkit_javascript_result_get_js_value);
    FLETBRIDGE_GET(jsc_value_to_string_as_bytes);
#undef FLETBRIDGE_GET
    if (missing.empty()) return {};
    return MakeError(Errc::kSetup, Refusal(std::string(kLibrary) + " has no " + missing));
  }

  // ---- The window's thread

  static void OnRequest(Object request, void* data) { static_cast<Impl*>(data)->Serve(request); }
  void Serve(Object request) {
    const char* path = f.webkit_uri_scheme_request_get_path(request);
    const WebFile file = options.serve(path != nullptr ? path : "/");
    if (file.bytes == nullptr) {
      GlibError* error =
          f.g_error_new_literal(f.g_quark_from_static_string("fletbridge"), 404, "not found");
      f.webkit_uri_scheme_request_finish_error(request, error);
      f.g_error_free(error);
      return;
    }
    auto* held = new std::shared_ptr<const std::string>(file.bytes);
    Object bytes = f.g_bytes_new_with_free_func(
        file.bytes->data(), file.bytes->size(),
        [](void* kept) { delete static_cast<std::shared_ptr<const std::string>*>(kept); }, held);
    Object stream = f.g_memory_input_stream_new_from_bytes(bytes);
    Object response =
        f.webkit_uri_scheme_response_new(stream, static_cast<std::int64_t>(file.bytes->size()));
    f.webkit_uri_scheme_response_set_content_type(response, file.type.c_str());
    // WebAssembly is compiled only from what has the header too.
    Object headers = f.soup_message_headers_new(kResponseHeaders);
    f.soup_message_headers_append(headers, "Content-Type", file.type.c_str());
    f.webkit_uri_scheme_response_set_http_headers(response, headers);  // takes them over
    f.webkit_uri_scheme_request_finish_with_response(request, response);
    f.g_object_unref(response);
    f.g_object_unref(stream);
    f.g_bytes_unref(bytes);
  }

  static void OnScript(Object, Object result, void* data) {
    auto* impl = static_cast<Impl*>(data);
    Object bytes =
        impl->f.jsc_value_to_string_as_bytes(impl->f.webkit_javascript_result_get_js_value(result));
    if (bytes == nullptr) return;
    std::size_t size = 0;
    const auto* text = static_cast<const char*>(impl->f.g_bytes_get_data(bytes, &size));
    if (size > 0) impl->Hear({text, size});
    impl->f.g_bytes_unref(bytes);
  }
  void Hear(std::string_view text) {
    const char kind = text.front();
    text.remove_prefix(1);
    if (kind == 'c') {
      connected = true;
      return events.on_connect();
    }
    if (kind == 'f') {
      if (!std::exchange(drawn, true)) events.on_frame_drawn();
      return;
    }
    if (!connected) return;
    if (kind == 'd') {
      connected = false;
      return events.on_disconnect();
    }
    if (kind != 'p') return;
    std::string bytes;
    if (text.size() / 2 > options.max_message || !BytesOf(text, bytes) ||
        bytes.size() > options.max_message) {
      return events.on_refused(text.size());
    }
    events.on_message(std::move(bytes));
  }

  static void OnTitle(Object view, Object, void* data) {
    auto* impl = static_cast<Impl*>(data);
    const char* title = impl->f.webkit_web_view_get_title(view);
    if (impl->window != nullptr && title != nullptr && *title != '\0')
      impl->f.gtk_window_set_title(impl->window, title);
  }
  static void OnCrash(Object, int, void* data) {
    auto* impl = static_cast<Impl*>(data);
    impl->failure = MakeError(Errc::kSetup,
                              "WebKit's process for the page has ended; is memory short? Start the "
                              "app again, or use --ui web");
    impl->f.gtk_main_quit();
  }
  static int OnDelete(Object, void*, void* data) {
    static_cast<Impl*>(data)->f.gtk_main_quit();
    return 1;
  }

  struct Task {
    std::shared_ptr<Impl> impl;
    std::string message;
  };
  static int OnClose(void* data) {
    const std::unique_ptr<Task> task(static_cast<Task*>(data));
    if (task->impl->window != nullptr) task->impl->f.gtk_main_quit();
    return 0;
  }
  static int OnSend(void* data) {
    std::unique_ptr<Task> task(static_cast<Task*>(data));
    Impl& impl = *task->impl;
    if (impl.view == nullptr || impl.told) return 0;  // it has ended, or is about to
    char* const base64 = impl.f.g_base64_encode(task->message.data(), task->message.size());
    const std::string script = "fletbridgeTake('" + std::string(base64) + "')";
    impl.f.g_free(base64);
    impl.f.webkit_web_view_run_javascript(impl.view, script.c_str(), nullptr, &OnSent,
                                          task.release());
    return 0;
  }
  static void OnSent(Object view, Object result, void* data) {
    const std::unique_ptr<Task> task(static_cast<Task*>(data));
    Impl& impl = *task->impl;
    GlibError* error = nullptr;
    Object value = impl.f.webkit_web_view_run_javascript_finish(view, result, &error);
    if (value != nullptr) impl.f.webkit_javascript_result_unref(value);
    if (error != nullptr) {
      Log(LogLevel::kDebug, std::string("the webview's page: ") + error->message);
      impl.f.g_error_free(error);
    }
    if (!impl.told) impl.events.on_taken();
  }

  template <class Function>
  void Connect(Object object, const char* signal, Function* function) {
    f.g_signal_connect_data(object, signal, reinterpret_cast<void (*)()>(function), this, nullptr,
                            0);
  }

  Error Show() {
    const platform::UserLocale locale;
    f.gtk_disable_setlocale();
    f.g_set_prgname("flet");
    if (f.gtk_init_check(nullptr, nullptr) == 0) {
      return MakeError(
          Errc::kSetup,
          "cannot open a window: no display answers at DISPLAY or WAYLAND_DISPLAY; set "
          "it to one that runs, or use --ui headless");
    }
    Object context = f.webkit_web_context_new_ephemeral();
    // Without a valid LANG the page would have no language, which the client cannot do without.
    std::string language = Language();
    const char* languages[] = {language.c_str(), nullptr};
    f.webkit_web_context_set_preferred_languages(context, languages);
    f.webkit_web_context_register_uri_scheme(context, kScheme, &OnRequest, this, nullptr);
    Object security = f.webkit_web_context_get_security_manager(context);
    f.webkit_security_manager_register_uri_scheme_as_secure(security, kScheme);
    f.webkit_security_manager_register_uri_scheme_as_cors_enabled(security, kScheme);
    view = f.webkit_web_view_new_with_context(context);
    Object content = f.webkit_web_view_get_user_content_manager(view);
    Connect(content, "script-message-received::fletbridge", &OnScript);
    f.webkit_user_content_manager_register_script_message_handler(content, kScheme);
    f.webkit_user_content_manager_add_script(
        content, f.webkit_user_script_new(kChannel, kTopFrame, kAtDocumentStart, nullptr, nullptr));
    Connect(view, "notify::title", &OnTitle);
    Connect(view, "web-process-terminated", &OnCrash);

    window = f.gtk_window_new(kTopLevel);
    f.gtk_window_set_title(window, options.title.c_str());
    f.gtk_window_set_default_size(window, kWidth, kHeight);
    f.gtk_container_add(window, view);
    Connect(window, "delete-event", &OnDelete);
    f.gtk_widget_show_all(window);
    f.gtk_widget_grab_focus(view);
    events.on_shown();
    f.webkit_web_view_load_uri(view, kPage);
    f.gtk_main();
    return failure;
  }

  static std::string Language() {
    for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
      const char* value = std::getenv(name);
      const std::string_view said = value != nullptr ? value : "";
      if (said.size() >= 5 && said[2] == '_')
        return std::string(said.substr(0, 2)) + "-" + std::string(said.substr(3, 2));
    }
    return "en-US";
  }

  void End(const Error& why) {
    if (std::exchange(told, true)) return;
    if (window != nullptr) {
      f.gtk_widget_hide(window);
      f.gdk_display_flush(f.gdk_display_get_default());
    }
    ended.store(window == nullptr);
    events.on_closed(why);
  }

  void Run() {
    ::pthread_setname_np(::pthread_self(), "fletbridge-ui");
    Error why;
    if (Result<> loaded = Load(); !loaded) {
      why = loaded.error();
    } else {
      ready.store(true);
      if (!closing.load()) why = Show();
    }
    End(why);
    while (window != nullptr) ::pause();  // WebKit keeps data of this thread
  }

  const WebWindowOptions options;
  const WebWindowEvents events;
  std::atomic<bool> ended{false};  // the thread ends, or has ended
  std::atomic<bool> closing{false};
  std::atomic<bool> ready{false};  // `f` is complete
  // window's thread only
  Functions f{};
  Error failure;
  Object window = nullptr;
  Object view = nullptr;
  bool connected = false;
  bool drawn = false;
  bool told = false;  // on_closed
  // the owner's
  std::thread thread;
};

WebWindow::WebWindow(WebWindowOptions options, WebWindowEvents events)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(events))) {}

WebWindow::~WebWindow() {
  if (!impl_->thread.joinable()) return;
  if (impl_->ended.load()) {
    impl_->thread.join();
  } else {
    impl_->thread.detach();
  }
}

void WebWindow::Open() {
  impl_->thread = platform::StartWithoutSignals([impl = impl_] { impl->Run(); });
}

void WebWindow::Send(std::string message) {
  if (!impl_->ready.load()) return;
  impl_->f.g_idle_add(&Impl::OnSend, new Impl::Task{impl_, std::move(message)});
}

void WebWindow::Close() {
  if (impl_->closing.exchange(true)) return;
  // Before that the thread checks it itself.
  if (impl_->ready.load()) impl_->f.g_idle_add(&Impl::OnClose, new Impl::Task{impl_, {}});
}

}  // namespace fletbridge::webview
