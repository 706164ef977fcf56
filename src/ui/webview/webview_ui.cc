#include "src/ui/webview/webview_ui.h"

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/post_once.h"
#include "common/site/site.h"
#include "common/transport/bounded_queue.h"
#include "common/wire/codec.h"
#include "src/ui/webview/web_window.h"

namespace fletbridge::webview {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFailureCode = 70;

// The web client takes this channel for Python in the browser, and says so in its registration; an
// app would then leave out what a browser's Python cannot do.
Packet WithoutPyodide(Packet&& packet, const wire::Codec& codec) {
  if (codec.Peek(packet) != Action::kRegisterClient) return std::move(packet);
  Result<wire::Message> message = codec.Decode(Sender::kClient, packet.payload.span());
  auto* said = message ? std::get_if<wire::Register>(&*message) : nullptr;
  wire::Map* page = said != nullptr ? said->page.AsMap() : nullptr;
  if (page == nullptr) return std::move(packet);  // whoever reads it says what is wrong
  page->Set("pyodide", false);
  return {PacketType::kControl, codec.EncodeOne(*message)};
}

class WebviewUi final : public UiSurface {
 public:
  WebviewUi(EventLoop& loop, WebviewOptions options, std::unique_ptr<web::Site> site)
      : loop_(loop),
        options_(std::move(options)),
        codec_(wire::CodecOrNewest(options_.generation)),
        window_(Window(std::move(site)), Events()) {}

  std::string name() const override { return "webview"; }
  std::string client_transport() const override { return "javascript"; }
  bool serves_another() const override { return true; }  // a page that is loaded again

  void Start(UiSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      if (close_why_) return Finish({});  // before Start()
      window_.Open();
      sink_->OnReady();
    });
  }

  void Close(const Error& why) override {
    loop_.Post([this, why] {
      if (!close_why_) close_why_ = why;
      window_.Close();
    });
  }

 private:
  class Session;

  // What a session sends; lives until the page has taken it.
  struct Outbox {
    explicit Outbox(const FlowLimits& limits) : queue(limits) {}
    PacketQueue queue;
    PostOnce resume;
    Session* session = nullptr;  // loop's thread; null: it has ended
  };

  // One page, from its connection to its end.
  class Session final : public ClientSession {
   public:
    explicit Session(WebviewUi& ui)
        : ui_(ui), outbox_(std::make_shared<Outbox>(ui.options_.limits)) {
      outbox_->session = this;
    }
    ~Session() override { LetGo(); }

    void Start(ClientSessionSink& sink) override { sink_ = &sink; }
    Generation generation() const override { return ui_.options_.generation; }

    SendResult Send(Packet&& packet) override {
      bool wake = false;
      const SendResult result = outbox_->queue.Push(std::move(packet), wake);
      if (wake) ui_.loop_.Post([&ui = ui_, outbox = outbox_] { ui.SendWaiting(outbox); });
      return result;
    }
    std::size_t queued_bytes() const override { return outbox_->queue.queued_bytes(); }
    // The page cannot be made to wait: what it says meanwhile is held, up to a bound.
    void PauseReceiving() override { paused_.store(true); }
    void ResumeReceiving() override {
      if (!paused_.exchange(false)) return;
      outbox_->resume(ui_.loop_, [outbox = outbox_] {
        if (outbox->session != nullptr) outbox->session->Deliver();
      });
    }

    // ---- From the page
    void Hear(Packet&& packet) {
      held_bytes_ += packet.payload.size() + kPacketOverhead;
      held_.push_back(std::move(packet));
      if (held_bytes_ <= ui_.options_.limits.high_water + ui_.options_.limits.max_packet)
        return Deliver();
      Leave(MakeError(Errc::kLimit,
                      "the webview's page says more than the app reads; is the app's event loop "
                      "blocked?"));
    }
    void Refuse(std::size_t size) {
      if (sink_ == nullptr) return;
      sink_->OnRefused(MakeError(Errc::kLimit, "refused a packet of about " + std::to_string(size) +
                                                   " bytes from the webview's page, limit " +
                                                   std::to_string(ui_.options_.limits.max_packet) +
                                                   " bytes; raise it with --max-packet"));
    }
    void Leave(const Error& why) {
      LetGo();
      if (sink_ != nullptr) std::exchange(sink_, nullptr)->OnGone(why);
    }
    void TellWritable() {
      if (sink_ != nullptr) sink_->OnWritable();
    }

    // Without a word to the sink.
    void LetGo() {
      outbox_->queue.Close();
      outbox_->session = nullptr;
      if (ui_.session_ == this) ui_.session_ = nullptr;
    }

   private:
    void Deliver() {
      const std::shared_ptr<Outbox> outbox = outbox_;  // a sink may destroy this object
      while (outbox->session != nullptr && sink_ != nullptr && !paused_.load() && !held_.empty()) {
        Packet packet = std::move(held_.front());
        held_.pop_front();
        held_bytes_ -= packet.payload.size() + kPacketOverhead;
        sink_->OnPacket(std::move(packet));
      }
    }

    WebviewUi& ui_;
    const std::shared_ptr<Outbox> outbox_;
    std::atomic<bool> paused_{false};
    ClientSessionSink* sink_ = nullptr;
    std::deque<Packet> held_;
    std::size_t held_bytes_ = 0;
  };

  WebWindowOptions Window(std::shared_ptr<web::Site> site) const {
    WebWindowOptions window;
    window.max_message = options_.limits.max_packet + 1;  // and the packet's type
    window.serve = [site = std::move(site)](const std::string& path) -> WebFile {
      const web::Site::Found found = site->Find(path);
      if (found.kind != web::Site::Found::Kind::kBody) return {};
      return {std::shared_ptr<const std::string>(found.body, &found.body->bytes), found.body->type};
    };
    return window;
  }

  // Each is told on the window's thread, and handled on the loop.
  WebWindowEvents Events() {
    const auto later = [this](auto task) { loop_.Post(std::move(task)); };
    WebWindowEvents events;
    events.on_shown = [this, later] {
      later([this, now = Clock::now()] { Tell(&UiSink::OnWindowShown, now); });
    };
    events.on_frame_drawn = [this, later] {
      later([this, now = Clock::now()] { Tell(&UiSink::OnFrameDrawn, now); });
    };
    events.on_connect = [this, later] { later([this] { OnConnect(); }); };
    events.on_disconnect = [this, later] {
      later([this] {
        if (session_ != nullptr) session_->Leave(MakeError(Errc::kPeerGone, "the page has gone"));
      });
    };
    events.on_message = [this, later](std::string message) {
      later([this, message = std::move(message)]() mutable { OnMessage(std::move(message)); });
    };
    events.on_refused = [this, later](std::size_t size) {
      later([this, size] {
        if (session_ != nullptr) session_->Refuse(size);
      });
    };
    events.on_taken = [this, later] { later([this] { OnTaken(); }); };
    events.on_closed = [this, later](const Error& why) { later([this, why] { Finish(why); }); };
    return events;
  }
  void Tell(void (UiSink::*what)(Clock::time_point), Clock::time_point when) {
    if (!finished_) (sink_->*what)(when);
  }

  void OnConnect() {
    if (finished_) return;
    if (session_ != nullptr)
      session_->Leave(MakeError(Errc::kPeerGone, "the page was loaded again"));
    auto session = std::make_unique<Session>(*this);
    session_ = session.get();
    sink_->OnClient(std::move(session));
  }

  void OnMessage(std::string message) {
    if (session_ == nullptr || message.empty()) return;
    if (options_.generation == Generation::kG2)
      return session_->Hear(
          WithoutPyodide({PacketType::kControl, Buffer(std::move(message))}, codec_));
    const auto type = static_cast<PacketType>(static_cast<unsigned char>(message.front()));
    if (type != PacketType::kControl && type != PacketType::kData) {
      return session_->Leave(
          MakeError(Errc::kPeerMisbehaved, "the webview's page sent a packet of an unknown type"));
    }
    message.erase(0, 1);
    session_->Hear(WithoutPyodide({type, Buffer(std::move(message))}, codec_));
  }

  void SendWaiting(const std::shared_ptr<Outbox>& outbox) {
    PacketQueue& queue = outbox->queue;
    Packet packet;
    do {
      while (queue.Pop(packet)) {
        const std::size_t size = packet.payload.size();
        // The client of a page that has gone takes nothing.
        if (outbox->session == nullptr || finished_) {
          (void)queue.Release(size);
          continue;
        }
        std::string message;
        message.reserve(size + 1);
        if (options_.generation != Generation::kG2) message += static_cast<char>(packet.type);
        message += packet.payload.text();
        in_flight_.emplace_back(outbox, size);
        window_.Send(std::move(message));
      }
    } while (!queue.PrepareToSleep());
  }

  void OnTaken() {
    if (in_flight_.empty()) return;
    const auto [outbox, size] = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (outbox->queue.Release(size) && outbox->session != nullptr) outbox->session->TellWritable();
  }

  void Finish(const Error& why) {
    if (std::exchange(finished_, true)) return;
    for (const auto& [outbox, size] : std::exchange(in_flight_, {}))
      (void)outbox->queue.Release(size);
    if (session_ != nullptr) session_->LetGo();
    if (why.code) {
      sink_->OnClosed({why, kFailureCode});
    } else {
      sink_->OnClosed({close_why_.value_or(Error{}), 0});
    }
  }

  EventLoop& loop_;
  const WebviewOptions options_;
  const wire::Codec& codec_;
  UiSink* sink_ = nullptr;  // set in Start()
  // loop's thread only
  Session* session_ = nullptr;
  std::deque<std::pair<std::shared_ptr<Outbox>, std::size_t>> in_flight_;  // in the order of Send()
  std::optional<Error> close_why_;                                         // why the host closed it
  bool finished_ = false;
  WebWindow window_;
};

}  // namespace

Result<std::unique_ptr<UiSurface>> MakeWebviewUi(EventLoop& loop, WebviewOptions options) {
  web::SiteOptions files;
  files.client = options.client;
  files.assets = options.assets;
  files.through_javascript = true;
  files.compressed = false;
  Result<std::unique_ptr<web::Site>> site = web::MakeSite(std::move(files));
  if (!site) return site.error();
  return std::unique_ptr<UiSurface>(
      std::make_unique<WebviewUi>(loop, std::move(options), std::move(*site)));
}

}  // namespace fletbridge::webview
