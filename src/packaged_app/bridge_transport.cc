#include "src/packaged_app/bridge_transport.h"

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <signal.h>
#include <stdexcept>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "src/packaged_app/bridge_library.h"

namespace fletbridge {
namespace {

using namespace std::chrono_literals;
using dart_vm::CObject;
using dart_vm::Port;

// As Flet's Dart side: what was refused, because Python is not up or nobody listens, is tried
// again.
constexpr auto kRetry = 50ms;

// Native ports are as large as this in a real VM, far above any data channel's id.
constexpr Port kFirstPort = Port{1} << 50;

// The program of an app made by `flet build`, in short.
constexpr const char* kBootstrap = R"(
import runpy, sys
script = sys.argv[0] = r'''%s'''
runpy.run_path(script, run_name="__main__")
)";

std::string Bootstrap(const std::string& script) {
  std::string text = kBootstrap;
  return text.replace(text.find("%s"), 2, script);
}

// What Python has posted. Copied bytes are a packet at once, as the VM copies while it posts;
// external ones stay where they are until the loop's thread takes them, and are freed there.
struct Letter {
  std::uint64_t session = 0;
  Port port = 0;
  std::optional<std::int64_t> integer;
  Buffer bytes;  // with the type byte
  CObject external{};
};

// For the library, and of which session.
struct Outgoing {
  std::uint64_t session = 0;
  Buffer bytes;  // with the type byte
};

std::size_t SizeOf(const Letter& letter) {
  std::size_t size = letter.bytes.size() + kPacketOverhead;
  if (letter.external.type != 0)
    size += static_cast<std::size_t>(letter.external.value.as_external_typed_data.length);
  return size;
}

class BridgeTransport;
BridgeTransport* the_transport = nullptr;  // Dart's functions take no context

class BridgeTransport final : public AppHost {
 public:
  BridgeTransport(EventLoop& loop, BridgeSpec spec)
      : loop_(loop),
        spec_(std::move(spec)),
        library_(spec_.library, spec_.libpython),
        retry_(loop.io()) {
    the_transport = this;
    if (library_.Init(&kTable) != 0) {
      throw std::runtime_error(spec_.library + " refused the table of Dart's functions");
    }
  }

  Capabilities capabilities() const override { return {"3", "ffi", true}; }
  std::vector<ProcessInfo> processes() const override { return {{"host", ::getpid()}}; }

  void Start(AppSink& sink) override {
    loop_.Post([this, &sink] {
      sink_ = &sink;
      if (finished_) return TellEnd();  // stopped before it was started
      Port protocol = 0;
      {
        const std::lock_guard lock(mutex_);
        protocol = protocol_port_;
      }
      dart_vm::PythonProgram program;
      program.source = Bootstrap(spec_.script);
      program.module_paths = spec_.module_paths;
      program.environment = {{"FLET_PLATFORM", "linux"},
                             {"FLET_DART_BRIDGE_PORT", std::to_string(protocol)},
                             {"FLET_DART_BRIDGE_EXIT_PORT", std::to_string(exit_port_)},
                             {"PYTHONHOME", spec_.python_home}};
      if (!library_.RunAsync(program, completion_port_)) {
        return Finish(70, MakeError(Errc::kSetup, spec_.library + " does not start Python"));
      }
      SendWaiting();
    });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    std::unique_lock lock(mutex_);
    ended_changed_.wait(lock, [this] { return exit_code_.has_value(); });
    const int code = *exit_code_;
    lock.unlock();
    return at_end(code);
  }

  // Like Flet's Dart side after a restart: new ports, announced to the running Python.
  Result<std::unique_ptr<AppSession>> OpenSession(AppSessionSink& sink) override {
    if (session_sink_ != nullptr) return MakeError(Errc::kLimit, "the app has a session already");
    session_sink_ = &sink;
    Port protocol = 0;
    bool is_first = false;
    {
      const std::lock_guard lock(mutex_);
      is_first = session_++ == 0;
      if (!is_first) protocol_port_ += 16;
      protocol = protocol_port_;
    }
    if (!is_first && !finished_)
      library_.SignalSession({{"protocol", protocol}, {"exit", exit_port_}});
    return std::unique_ptr<AppSession>(std::make_unique<Session>(*this));
  }

  // A packaged app ends with its window: the process exits, and Python is not asked.
  void Leave() override { Finish(0, {}); }
  void PassSignal(int signal, bool) override { Finish(128 + signal, {}); }
  void Interrupt() override { Finish(128 + SIGINT, {}); }
  void Kill() override { Finish(128 + SIGKILL, {}); }

  bool Post(Port port, const CObject& posted) {
    Letter letter;
    letter.port = port;
    switch (posted.type) {
      case dart_vm::kInt32:
        letter.integer = posted.value.as_int32;
        break;
      case dart_vm::kInt64:
        letter.integer = posted.value.as_int64;
        break;
      case dart_vm::kTypedData: {
        const auto& data = posted.value.as_typed_data;
        if (data.length < 0) return false;
        letter.bytes =
            Buffer(std::as_bytes(std::span(data.values, static_cast<std::size_t>(data.length))));
        break;
      }
      case dart_vm::kExternalTypedData:
      case dart_vm::kUnmodifiableExternalTypedData:
        if (posted.value.as_external_typed_data.length < 0) return false;
        letter.external = posted;
        break;
      default:
        return false;
    }
    return Queue(std::move(letter));
  }

  bool Queue(Letter&& letter) {
    bool post = false;
    {
      const std::lock_guard lock(mutex_);
      const bool known = letter.port == protocol_port_ || letter.port == exit_port_ ||
                         letter.port == completion_port_ || IsDataChannel(letter.port);
      if (!known || exit_code_) return false;
      letter.session = session_;
      const std::size_t size = SizeOf(letter);
      if (letters_bytes_ > spec_.limits.high_water + spec_.limits.max_packet) {
        // A VM's ports have no bound; here a client that reads nothing must not fill the memory.
        if (!std::exchange(overflowed_, true)) {
          loop_.Post([this] {
            if (finished_ || session_sink_ == nullptr) return;
            session_sink_->OnLost(MakeError(
                Errc::kPeerMisbehaved, "the app sends more than its client reads: " +
                                           std::to_string(letters_bytes_ >> 20) + " MiB wait"));
          });
        }
        return false;
      }
      letters_bytes_ += size;
      letters_.push_back(std::move(letter));
      post = !std::exchange(delivery_posted_, true);
    }
    if (post) loop_.Post([this] { Deliver(); });
    return true;
  }

 private:
  struct Session final : AppSession {
    explicit Session(BridgeTransport& owner) : app(owner) {}
    ~Session() override { app.CloseSession(); }
    SendResult Send(Packet&& packet) override { return app.Send(std::move(packet)); }
    std::size_t queued_bytes() const override {
      const std::lock_guard lock(app.mutex_);
      return app.queued_;
    }
    void PauseReceiving() override { app.paused_ = true; }
    void ResumeReceiving() override { app.Resume(); }

    BridgeTransport& app;
  };

  SendResult Send(Packet&& packet) {
    if (packet.payload.size() > spec_.limits.max_packet) return SendResult::kTooLarge;
    {
      const std::lock_guard lock(mutex_);
      if (exit_code_) return SendResult::kClosed;
      if (queued_ > spec_.limits.high_water) {
        full_ = true;
        return SendResult::kFull;
      }
      Buffer message(packet.payload.size() + 1);
      *message.data() = static_cast<std::byte>(packet.type);
      if (packet.payload.size() != 0) {
        std::memcpy(message.data() + 1, packet.payload.data(), packet.payload.size());
      }
      queued_ += packet.payload.size() + kPacketOverhead;
      waiting_.push_back({session_, std::move(message)});
    }
    // Without our lock: the app may answer from within.
    if (loop_.InLoop()) {
      SendWaiting();
    } else {
      loop_.Post([this] { SendWaiting(); });
    }
    return SendResult::kAccepted;
  }
  void Resume() {
    paused_ = false;
    loop_.Post([this] { Deliver(); });
  }

  // Everything below: the loop's thread.

  void CloseSession() {
    session_sink_ = nullptr;
    {
      const std::lock_guard lock(mutex_);
      waiting_.clear();
      queued_ = 0;
      full_ = false;
    }
    Resume();  // what the app still says is dropped
  }

  void Deliver() {
    std::size_t left = 0;  // what comes meanwhile has a turn of its own
    {
      const std::lock_guard lock(mutex_);
      delivery_posted_ = false;
      left = letters_.size();
    }
    for (; left != 0 && !paused_; --left) {
      Letter letter;
      bool is_old = false;
      {
        const std::lock_guard lock(mutex_);
        letter = std::move(letters_.front());
        letters_.pop_front();
        letters_bytes_ -= SizeOf(letter);
        is_old = letter.session != session_;
      }
      if (letter.external.type != 0) {
        const auto& data = letter.external.value.as_external_typed_data;
        if (!is_old) {
          letter.bytes =
              Buffer(std::as_bytes(std::span(data.data, static_cast<std::size_t>(data.length))));
        }
        data.callback(nullptr, data.peer);
      }
      // That the program has ended counts in any session.
      if (!is_old || IsEnd(letter)) Handle(letter);
    }
  }

  bool IsEnd(const Letter& letter) const { return letter.integer || letter.port == exit_port_; }

  void Handle(Letter& letter) {
    if (finished_) return;
    if (letter.integer) return Finish(static_cast<int>(*letter.integer), {});
    const std::span<const std::byte> bytes = letter.bytes.span();
    if (letter.port == exit_port_) {
      int code = 0;  // as Dart: what cannot be read is 0
      const std::string_view text = letter.bytes.text();
      std::from_chars(text.data(), text.data() + text.size(), code);
      return Finish(code, {});
    }
    Connected();
    if (session_sink_ == nullptr) return;
    const std::size_t size = bytes.size() + (IsDataChannel(letter.port) ? 4 : 0) -
                             (IsDataChannel(letter.port) || bytes.empty() ? 0 : 1);
    if (size > spec_.limits.max_packet) {
      return session_sink_->OnRefused(
          MakeError(Errc::kLimit, "a packet of " + std::to_string(size) + " bytes, limit " +
                                      std::to_string(spec_.limits.max_packet) +
                                      "; raise it with --max-packet"));
    }
    if (IsDataChannel(letter.port)) {
      Buffer payload(4 + bytes.size());
      for (std::size_t i = 0; i < 4; ++i)
        payload.data()[i] = static_cast<std::byte>(letter.port >> (8 * i));
      if (!bytes.empty()) std::memcpy(payload.data() + 4, bytes.data(), bytes.size());
      return session_sink_->OnPacket(Packet{PacketType::kData, std::move(payload)});
    }
    if (bytes.empty()) return;
    session_sink_->OnPacket(
        Packet{PacketType{std::to_integer<std::uint8_t>(bytes[0])}, Buffer(bytes.subspan(1))});
  }

  void Connected() {
    if (std::exchange(connected_, true)) return;
    sink_->OnListening();
    sink_->OnConnected();
  }

  void SendWaiting() {
    while (!finished_) {
      Outgoing message;
      Port protocol = 0;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) return;
        message = std::move(waiting_.front());
        waiting_.pop_front();
        protocol = protocol_port_;
      }
      const std::size_t size = message.bytes.size() - 1 + kPacketOverhead;
      if (Enqueue(protocol, message.bytes) != 0) {
        {
          const std::lock_guard lock(mutex_);
          if (message.session != session_) continue;
          waiting_.push_front(std::move(message));
        }
        return RetryLater();
      }
      Connected();
      bool writable = false;
      {
        const std::lock_guard lock(mutex_);
        if (message.session != session_) continue;
        queued_ -= size;
        writable = full_ && queued_ <= spec_.limits.low_water;
        if (writable) full_ = false;
      }
      if (writable && session_sink_ != nullptr) session_sink_->OnWritable();
    }
  }

  // A data channel's number is its port, and its messages have no type byte.
  int Enqueue(Port protocol, const Buffer& message) const {
    const std::byte* bytes = message.data();
    if (PacketType{std::to_integer<std::uint8_t>(bytes[0])} != PacketType::kData ||
        message.size() < 5)
      return library_.Enqueue(protocol, bytes, message.size());
    Port port = 0;
    for (std::size_t i = 0; i < 4; ++i) port |= std::to_integer<Port>(bytes[1 + i]) << (8 * i);
    return library_.Enqueue(port, bytes + 5, message.size() - 5);
  }

  static bool IsDataChannel(Port port) { return port > 0 && port < kFirstPort; }

  void RetryLater() {
    retry_.expires_after(kRetry);
    retry_.async_wait([this](boost::system::error_code error) {
      if (!error) SendWaiting();
    });
  }

  void Finish(int code, const Error& why) {
    if (std::exchange(finished_, true)) return;
    end_ = {code, why};
    retry_.cancel();
    if (sink_ != nullptr) TellEnd();
  }

  void TellEnd() {
    sink_->OnExited(end_.first, end_.second);
    const std::lock_guard lock(mutex_);
    exit_code_ = end_.first;
    ended_changed_.notify_all();
  }

  static const dart_vm::ApiEntry kEntries[3];
  static const dart_vm::ApiTable kTable;

  EventLoop& loop_;
  const BridgeSpec spec_;
  const dart_vm::BridgeLibrary library_;
  const Port exit_port_ = kFirstPort + 1;
  const Port completion_port_ = kFirstPort + 2;
  std::atomic<bool> paused_{false};
  // loop's thread
  AppSink* sink_ = nullptr;                 // since Start()
  AppSessionSink* session_sink_ = nullptr;  // of the session that is open
  boost::asio::steady_timer retry_;
  bool connected_ = false;
  bool finished_ = false;
  std::pair<int, Error> end_;  // since finished_
  // under mutex_
  mutable std::mutex mutex_;
  std::condition_variable ended_changed_;
  std::uint64_t session_ = 0;
  Port protocol_port_ = kFirstPort;
  std::deque<Outgoing> waiting_;  // for the library
  std::size_t queued_ = 0;
  bool full_ = false;
  std::deque<Letter> letters_;  // for the sink
  std::size_t letters_bytes_ = 0;
  bool overflowed_ = false;
  bool delivery_posted_ = false;
  std::optional<int> exit_code_;
};

const dart_vm::ApiEntry BridgeTransport::kEntries[3] = {
    {"Dart_PostCObject",
     reinterpret_cast<void (*)()>(static_cast<dart_vm::PostCObject>(
         [](Port port, CObject* message) { return the_transport->Post(port, *message); }))},
    {"Dart_PostInteger", reinterpret_cast<void (*)()>(
                             static_cast<dart_vm::PostInteger>([](Port port, std::int64_t value) {
                               Letter letter;
                               letter.port = port;
                               letter.integer = value;
                               return the_transport->Queue(std::move(letter));
                             }))},
    {nullptr, nullptr}};
const dart_vm::ApiTable BridgeTransport::kTable = {2, 5, kEntries};

}  // namespace

Result<std::unique_ptr<AppHost>> MakeBridgeTransport(EventLoop& loop, BridgeSpec spec) {
  try {
    return std::unique_ptr<AppHost>(std::make_unique<BridgeTransport>(loop, std::move(spec)));
  } catch (const std::exception& error) {
    return MakeError(Errc::kSetup, error.what());
  }
}

}  // namespace fletbridge
