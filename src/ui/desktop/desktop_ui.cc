#include "src/ui/desktop/desktop_ui.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/log.h"
#include "common/net/client_listener.h"
#include "common/process/runtime_dir.h"
#include "common/transport/wrapped_client.h"
#include "common/wire/codec.h"
#include "src/ui/desktop/trim.h"
#include "src/ui/desktop/window.h"

namespace fletbridge::desktop {
namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFailureCode = 70;
// The client writes its pid there; nobody reads it, since the client is this process.
constexpr const char* kNobody = "/dev/null";
constexpr auto kLastAnswersDeadline = std::chrono::milliseconds(300);
// In direct mode it is not known whether the app waits for an answer, so each end waits this long.
constexpr auto kUnseenAnswersDeadline = std::chrono::milliseconds(100);

SocketAddress AddressIn(const RuntimeDir& dir) {
  SocketAddress address;
  address.path = dir.File("ui.sock");
  return address;
}

class DesktopUi final : public UiSurface {
 public:
  DesktopUi(EventLoop& loop, DesktopOptions options, RuntimeDir dir)
      : loop_(loop),
        dir_(std::move(dir)),
        last_answers_(loop.io()),
        window_(Of(options), Events()) {
    if (!options.page_url.empty()) return;
    listener_ = std::make_unique<ClientListener>(
        loop, options.limits, AddressIn(dir_),
        [this](std::unique_ptr<ClientSession> client) { OnClient(std::move(client)); },
        options.client_generation);
  }

  std::string name() const override { return "desktop"; }
  std::string client_transport() const override { return listener_ ? "uds" : std::string(); }
  // The client reconnects.
  bool serves_another() const override { return listener_ != nullptr; }

  void Start(UiSink& sink) override {
    sink_ = &sink;
    loop_.Post([this] {
      if (close_why_) return Finish({});  // before Start()
      if (listener_) {
        if (Result<> listens = listener_->Listen(); !listens) {
          Finish(listens.error());
          return;
        }
      }
      window_.Open();
      sink_->OnReady();
    });
  }

  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (!close_why_) close_why_ = why;
      if (listener_) listener_->Close();
      window_.Close();
    });
  }

 private:
  // The window's client, whose last answers to the app are awaited after the window has closed.
  class Session final : public WrappedClient {
   public:
    Session(DesktopUi& ui, std::unique_ptr<ClientSession> client)
        : WrappedClient(std::move(client)), ui_(ui) {}
    ~Session() override {
      if (ui_.session_ == this) ui_.session_ = nullptr;
    }

    SendResult Send(Packet&& packet) override {
      const bool is_call = IsCall(packet);
      const SendResult result = client().Send(std::move(packet));
      if (is_call && result == SendResult::kAccepted) ++calls_;
      return result;
    }

    bool owes_answers() const { return calls_ > 0; }
    // A client that disconnects because its window is closed will not come back. So the sink is
    // called only when another client connects.
    void TellGone() {
      if (left_) sink().OnGone({});
    }

   private:
    // A call, or its result.
    bool IsCall(const Packet& packet) const {
      return wire::CodecOrNewest(generation()).Peek(packet) == Action::kInvokeMethod;
    }
    void OnPacket(Packet&& packet) override {
      const bool answered = IsCall(packet) && calls_ > 0 && --calls_ == 0;
      sink().OnPacket(std::move(packet));
      if (answered && ui_.window_closed_) ui_.Finish({});
    }
    void OnGone(const Error& why) override {
      if (why.code == Errc::kPeerMisbehaved || why.code == Errc::kCut)
        Log(LogLevel::kError, why.Line());
      left_ = true;
    }

    DesktopUi& ui_;
    bool left_ = false;
    std::atomic<int> calls_{0};  // of the client's methods, not answered yet
  };

  WindowOptions Of(const DesktopOptions& options) const {
    WindowOptions window;
    window.client = options.client;
    window.arguments = {options.page_url.empty() ? AddressIn(dir_).path : options.page_url,
                        kNobody};
    if (!options.assets.empty()) window.arguments.push_back(options.assets);
    return window;
  }

  WindowEvents Events() {
    WindowEvents events;
    events.on_shown = [this, at = &loop_] {
      at->Post([this, now = Clock::now()] { Tell(&UiSink::OnWindowShown, now); });
    };
    events.on_frame_drawn = [this, at = &loop_] {
      at->Post([this, now = Clock::now()] { Tell(&UiSink::OnFrameDrawn, now); });
    };
    events.on_rest = [this, at = &loop_] { at->Post([this] { trim_.AtRest(); }); };
    events.on_closed = [this, at = &loop_](const Error& why) {
      at->Post([this, why] { OnWindowClosed(why); });
    };
    return events;
  }
  void Tell(void (UiSink::*what)(Clock::time_point), Clock::time_point when) {
    if (!finished_) (sink_->*what)(when);
  }

  // The window has closed, or could not be opened. An app that has requested that (`await
  // window.destroy()`) gets its answer first.
  void OnWindowClosed(const Error& why) {
    if (why.code || close_why_ ||
        (listener_ && !(session_ != nullptr && session_->owes_answers()))) {
      Finish(why);
      return;
    }
    window_closed_ = true;
    last_answers_.expires_after(listener_ ? kLastAnswersDeadline : kUnseenAnswersDeadline);
    last_answers_.async_wait([this](boost::system::error_code error) {
      if (!error) Finish({});
    });
  }

  void Finish(const Error& why) {
    if (std::exchange(finished_, true)) return;
    last_answers_.cancel();
    if (listener_) {
      listener_->Close();
      window_.Close();
    }  // else the client may still have an answer for the app, and is stopped at the app's end
    dir_.Remove();
    if (why.code) {
      sink_->OnClosed({why, kFailureCode});
    } else {
      sink_->OnClosed({close_why_.value_or(Error{}), 0});
    }
  }

  void OnClient(std::unique_ptr<ClientSession> client) {
    if (session_ != nullptr) session_->TellGone();
    auto session = std::make_unique<Session>(*this, std::move(client));
    session_ = session.get();
    sink_->OnClient(std::move(session));
  }

  EventLoop& loop_;
  UiSink* sink_ = nullptr;  // set in Start()
  // loop's thread only
  RuntimeDir dir_;
  Trim trim_;
  std::unique_ptr<ClientListener> listener_;  // none in direct mode
  Session* session_ = nullptr;                // of the current or the last client
  std::optional<Error> close_why_;            // why the host closed it
  asio::steady_timer last_answers_;
  bool window_closed_ = false;
  bool finished_ = false;
  Window window_;
};

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

std::string NoDisplay() {
  if (IsSet("DISPLAY") || IsSet("WAYLAND_DISPLAY")) return {};
  return "neither DISPLAY nor WAYLAND_DISPLAY is set";
}

Result<std::unique_ptr<UiSurface>> MakeDesktopUi(EventLoop& loop, DesktopOptions options) {
  RuntimeDir dir;
  if (options.page_url.empty()) {
    Result<RuntimeDir> made = RuntimeDir::Create();
    if (!made) return made.error();
    dir = std::move(*made);
  }
  return std::unique_ptr<UiSurface>(
      std::make_unique<DesktopUi>(loop, std::move(options), std::move(dir)));
}

}  // namespace fletbridge::desktop
