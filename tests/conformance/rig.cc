#include "tests/conformance/rig.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/python/interpreter.h"
#include "src/legacy/legacy_app.h"
#include "src/packaged_app/bridge_transport.h"
#include "src/stage1/attached_transport.h"
#include "src/stage1/process_transport.h"
#include "src/stage2/hosted_socket_transport.h"
#include "src/stage3/ffi_transport.h"
#include "tests/conformance/pipe_peer.h"

namespace fletbridge::conformance {
using namespace std::chrono_literals;
using nlohmann::json;
using std::chrono::steady_clock;

namespace {

constexpr const char* kStateNames[] = {"starting", "listening", "connected", "closed", "exited"};

// Python's import path begins there: `flet` of the suite lies beside its app.
constexpr const char* kPeer = CONFORMANCE_PEER;
// A library takes more than this for a stalled app, which is said to be its bound.
constexpr const char* kBridgeQueueBytes = "8388608";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  Require(value != nullptr, std::string(name) + " is not set");
  return value;
}

std::string Name(AppState state) { return kStateNames[static_cast<int>(state)]; }

}  // namespace

void Require(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

Buffer Labelled(std::uint32_t session, std::uint32_t sender, std::uint32_t number,
                std::size_t size) {
  Buffer result(size);
  if (size == 0) return result;
  const std::uint32_t label[3] = {session, sender, number};
  std::memset(result.data(), static_cast<int>(number & 0xff), size);
  std::memcpy(result.data(), label, std::min(size, sizeof label));
  return result;
}

Label ReadLabel(const Packet& packet) {
  std::uint32_t label[3] = {};
  const Buffer& payload = packet.payload;
  Require(payload.size() >= sizeof label,
          "a packet of " + std::to_string(payload.size()) + " bytes has no label");
  std::memcpy(label, payload.data(), sizeof label);
  const Buffer expected = Labelled(label[0], label[1], label[2], payload.size());
  Require(payload.text() == expected.text(), "a packet's bytes are not those that were sent");
  return {label[0], label[1], label[2]};
}

struct Rig::Timers {
  explicit Timers(EventLoop& loop) {
    for (auto& timer : all) timer = std::make_unique<boost::asio::steady_timer>(loop.io());
  }
  std::array<std::unique_ptr<boost::asio::steady_timer>, kLifeTimers> all;
};

Rig::Rig(const std::string& variant, const Plan& plan)
    : variant_(variant), loop_(std::make_unique<EventLoop>()) {
  if (is_attached()) {
    side_.reset(::fcntl(std::stoi(Environment("CONFORMANCE_SIDE")), F_DUPFD_CLOEXEC, 3));
  } else {
    int ends[2] = {-1, -1};
    Require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no socket pair");
    side_.reset(ends[0]);
    side_of_app_.reset(ends[1]);
    ::fcntl(side_of_app_.get(), F_SETFD, 0);  // the app's own process inherits it
  }
  Result<std::unique_ptr<AppHost>> made = Make(plan);
  Require(bool(made), made ? "" : made.error().Line());
  transport_ = std::move(*made);
  OpenSession();
  life_ = std::make_unique<Life>(*this, plan.patience, in_process());
  timers_ = std::make_unique<Timers>(*loop_);
  if (plan.stop_first) life_->UiClosed({{}, 0});
}

void Rig::Arm(LifeTimer timer, std::chrono::milliseconds time) {
  boost::asio::steady_timer& clock = *timers_->all[static_cast<std::size_t>(timer)];
  clock.expires_after(time);
  clock.async_wait([this, timer](boost::system::error_code error) {
    if (!error) life_->Expired(timer);
  });
}

void Rig::Disarm(LifeTimer timer) { timers_->all[static_cast<std::size_t>(timer)]->cancel(); }

void Rig::Stop() {
  loop_->Post([this] { life_->UiClosed({{}, 0}); });
}

void Rig::Signal(int signal) {
  loop_->Post([this, signal] { life_->Signal(signal, false); });
}

void Rig::OpenSession() {
  Result<std::unique_ptr<AppSession>> opened = transport_->OpenSession(*this);
  Require(bool(opened), opened ? "" : opened.error().Line());
  session_ = std::move(*opened);
}

void Rig::NewSession() {
  std::promise<void> done;
  loop_->Post([this, &done] {
    session_.reset();
    OpenSession();
    done.set_value();
  });
  done.get_future().wait();
}

void Rig::OnWord(AppWord word, int number) {
  life_->AppSaid(word, number);
  if (word == AppWord::kReturned) transport_->Acknowledge();
}

Rig::~Rig() = default;

Result<std::unique_ptr<AppHost>> Rig::Make(const Plan& plan) {
  const auto kind =
      variant_.ends_with("tcp") ? SocketAddress::Kind::kTcp : SocketAddress::Kind::kUnix;
  if (is_attached()) {
    stage1::AttachedOptions options;
    options.address.kind = kind;
    const std::string where = Environment("CONFORMANCE_ADDRESS");
    if (kind == SocketAddress::Kind::kTcp) {
      options.address.port = static_cast<std::uint16_t>(std::stoi(where));
    } else {
      options.address.path = where;
    }
    options.generation = Generation::kG3;
    options.limits = plan.limits;
    return stage1::MakeAttachedTransport(*loop_, std::move(options));
  }
  if (is_packaged()) return MakePackaged(plan);
  if (is_reference()) {
    return std::make_unique<PipeHost>(*loop_, PipeHost::Options{.limits = plan.limits},
                                      MakePipePeer(side_of_app_.get(), plan.start));
  }
  AppSpec spec;
  spec.python = CONFORMANCE_PYTHON;
  spec.arguments = {kPeer};
  spec.environment = {{"CONFORMANCE_FD", std::to_string(side_of_app_.get())},
                      {"CONFORMANCE_START", plan.start}};
  spec.limits = plan.limits;
  spec.single_session = plan.single_session;
  if (is_legacy()) return legacy::MakeLegacyApp(*loop_, std::move(spec), CONFORMANCE_FLETBRIDGE);
  if (!in_process()) return stage1::MakeProcessTransport(*loop_, std::move(spec), kind);
  Result<Interpreter> python = ProbeInterpreter(spec.python);
  if (!python) return python.error();
  if (has_sockets()) {
    return stage2::MakeHostedSocketTransport(*loop_, std::move(spec), python->libpython, kind);
  }
  return stage3::MakeFfiTransport(
      *loop_, std::move(spec), python->libpython,
      is_stream() ? stage3::FfiForm::kStream : stage3::FfiForm::kBridge);
}

Result<std::unique_ptr<AppHost>> Rig::MakePackaged(const Plan& plan) {
  Result<Interpreter> python = ProbeInterpreter(CONFORMANCE_PYTHON);
  if (!python) return python.error();
  // The app is in this process, and this is its environment.
  ::setenv("CONFORMANCE_FD", std::to_string(side_of_app_.get()).c_str(), 1);
  ::setenv("CONFORMANCE_START", plan.start.c_str(), 1);
  ::setenv("FLETBRIDGE_BRIDGE_QUEUE_BYTES", kBridgeQueueBytes, 1);
  BridgeSpec spec;
  spec.library = CONFORMANCE_BRIDGE;
  spec.libpython = python->libpython;
  spec.python_home = python->base_prefix;
  spec.module_paths = {std::filesystem::path(kPeer).parent_path()};
  spec.script = kPeer;
  spec.limits = plan.limits;
  return MakeBridgeTransport(*loop_, std::move(spec));
}

int Rig::Run(std::function<void(Rig&)> scenario) {
  side_reader_ = std::thread([this] { ReadSide(); });
  loop_->Start();
  loop_->Post([this] { life_->UiReady(); });
  if (!start_.get_future().get()) {
    exited_.store(true);
    ::shutdown(side_.get(), SHUT_RDWR);
    side_reader_.join();
    loop_->Stop();
    loop_->Join();
    session_.reset();
    transport_.reset();
    return failed_.load() ? 1 : 0;
  }
  transport_->Start(*this);
  loop_->Post([this] { life_->AppStarted(); });
  // Signals belong to the main thread, on which a hosted interpreter takes them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  driver_ = std::thread([this, scenario = std::move(scenario)] { Drive(scenario); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const int code = transport_->RunOnMainThread([this](int app_code) { return AtEnd(app_code); });
  if (in_process()) return code;  // threads of the app may still call into the transport
  loop_->Stop();
  loop_->Join();
  session_.reset();
  transport_.reset();
  timers_.reset();
  loop_.reset();
  return code;
}

void Rig::Drive(const std::function<void(Rig&)>& scenario) {
  try {
    scenario(*this);
  } catch (const std::exception& failure) {
    Fail(failure.what());
  }
  // A failed scenario must not wait for an app that is stalled on purpose.
  if (failed_.load()) {
    session_->ResumeReceiving();
    Go();
  }
  if (!exited_.load()) Stop();
}

int Rig::AtEnd(int app_code) {
  driver_.join();
  // A packaged app runs on for moments, and must not take that for the end of the test.
  ::shutdown(side_.get(), is_packaged() ? SHUT_RD : SHUT_RDWR);
  side_reader_.join();
  CheckLifeCycle(app_code);
  std::fflush(nullptr);
  return failed_.load() ? 1 : 0;
}

void Rig::CheckLifeCycle(int app_code) {
  std::lock_guard lock(mutex_);
  std::string seen;
  for (const AppEvent& event : events_) seen += " " + Name(event.state);
  if (seen != " starting listening connected closed exited" && seen != " starting closed exited") {
    Fail("the life cycle was told as:" + seen);
  }
  for (const std::string& text : broken_) Fail(text);
  if ((app_code != expected_exit_ && expected_exit_ != kAnyExit) ||
      (!events_.empty() && events_.back().exit_code != app_code)) {
    Fail("the app's exit code is " + std::to_string(app_code) + ", told as " +
         std::to_string(events_.empty() ? -1 : events_.back().exit_code) + ", expected " +
         std::to_string(expected_exit_));
  }
}

void Rig::Fail(const std::string& text) {
  failed_.store(true);
  std::cerr << ("FAIL: " + text + "\n") << std::flush;
}

pid_t Rig::app_pid() const {
  for (const ProcessInfo& process : transport_->processes()) {
    if (process.role == "app") return process.pid;
  }
  return ::getpid();
}

void Rig::WaitFor(const std::string& what, const std::function<bool()>& holds, bool despite_exit) {
  std::unique_lock lock(mutex_);
  const auto deadline = steady_clock::now() + kPatience;
  while (!holds()) {
    if (exited_.load() && !despite_exit)
      throw Failure("the app ended while the test waited for " + what);
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && !holds()) {
      throw Failure("waited in vain for " + what);
    }
  }
}

AppEvent Rig::Await(AppState state) {
  AppEvent found{state, {}, 0};
  WaitFor("the app to be " + Name(state), [&] {
    const auto at = std::find_if(events_.begin(), events_.end(),
                                 [&](const AppEvent& e) { return e.state == state; });
    if (at == events_.end()) return false;
    found = *at;
    return true;
  });
  return found;
}

void Rig::AwaitConnected() {
  if (is_packaged()) {  // that its app listens shows in an answer alone, and its client speaks
                        // first
    Send(PacketType::kControl, Buffer(std::string_view("hello")));
    (void)Next();
  }
  (void)Await(AppState::kConnected);
}

void Rig::Send(Packet&& packet) {
  for (;;) {
    const int before = writable_calls_.load();
    const SendResult result = session_->Send(std::move(packet));
    if (result == SendResult::kAccepted) return;
    Require(result == SendResult::kFull,
            "Send() answers " + std::to_string(static_cast<int>(result)));
    WaitFor("OnWritable()", [&] { return writable_calls_.load() != before; });
  }
}

void Rig::Order(const json& order) {
  Send(PacketType::kControl, Buffer(std::string_view("\xc1" + order.dump())));
}

Packet Rig::Next() {
  Packet packet;
  WaitFor("a packet", [&] {
    if (packets_.empty()) return false;
    packet = std::move(packets_.front());
    packets_.pop_front();
    return true;
  });
  return packet;
}

json Rig::Report() {
  Order({{"do", "report"}});
  return json::parse(Next().payload.text());
}

json Rig::AwaitTold(const std::string& key, const json& value, bool despite_exit) {
  json found;
  const auto is_told = [&] {
    const auto at = std::find_if(told_.begin(), told_.end(), [&](const json& line) {
      return line.contains(key) && line[key] == value;
    });
    if (at == told_.end()) return false;
    found = *at;
    return true;
  };
  WaitFor("the app to tell " + key + " " + value.dump(), is_told, despite_exit);
  return found;
}

json Rig::LastTold(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto at = std::find_if(told_.rbegin(), told_.rend(),
                               [&](const json& line) { return line.contains(key); });
  return at == told_.rend() ? json() : (*at)[key];
}

void Rig::Go() { [[maybe_unused]] const ssize_t n = ::send(side_.get(), "g", 1, MSG_NOSIGNAL); }

void Rig::AwaitRefused(std::function<void(const std::string&)> look) {
  std::string text;
  WaitFor("OnRefused()", [&] {
    if (refused_.empty()) return false;
    Require(refused_.size() == 1, "OnRefused() more than once");
    text = refused_.front();
    refused_.clear();
    return true;
  });
  look(text);
}

std::size_t Rig::AwaitQuiet(const std::function<std::size_t()>& measure) {
  constexpr auto kQuiet = 300ms;
  const auto deadline = steady_clock::now() + kPatience;
  std::size_t last = measure();
  auto since = steady_clock::now();
  while (steady_clock::now() - since < kQuiet) {
    Require(steady_clock::now() < deadline, "it never comes to rest");
    std::this_thread::sleep_for(5ms);  // nothing tells that nothing happens: look
    if (const std::size_t now = measure(); now != last) {
      last = now;
      since = steady_clock::now();
    }
  }
  return last;
}

void Rig::AwaitUntil(const std::string& what, const std::function<bool()>& holds) {
  const auto deadline = steady_clock::now() + kPatience;
  while (!holds()) {
    Require(steady_clock::now() < deadline, "waited in vain for " + what);
    std::this_thread::sleep_for(2ms);
  }
}

void Rig::AtStep(const std::string& step) {
  std::cout << step << std::endl;
  std::string answer;
  Require(bool(std::getline(std::cin, answer)), "the test has gone");
}

void Rig::OnPacket(Packet&& packet) {
  std::lock_guard lock(mutex_);
  if (events_.empty() || events_.back().state != AppState::kConnected)
    broken_.emplace_back("a packet while not connected");
  packets_received_.fetch_add(1);
  packets_.push_back(std::move(packet));
  changed_.notify_all();
}

void Rig::OnWritable() {
  std::lock_guard lock(mutex_);
  writable_calls_.fetch_add(1);
  changed_.notify_all();
}

void Rig::OnRefused(const Error& why) {
  std::lock_guard lock(mutex_);
  if (why.code != Errc::kLimit) broken_.push_back("refused for another reason: " + why.Line());
  refused_.push_back(why.Line());
  changed_.notify_all();
}

void Rig::OnAppEvent(const AppEvent& event) {
  std::lock_guard lock(mutex_);
  events_.push_back(event);
  if (event.state == AppState::kExited) exited_.store(true);
  changed_.notify_all();
}

void Rig::OnLost(const Error& why) {
  lost_calls_.fetch_add(1);  // first: the life may end in here
  life_->SessionLost(why);
}

void Rig::ReadSide() {
  std::string text;
  char block[4096];
  for (ssize_t n = 0; (n = ::read(side_.get(), block, sizeof block)) > 0;) {
    text.append(block, static_cast<std::size_t>(n));
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;
         text.erase(0, end + 1)) {
      std::lock_guard lock(mutex_);
      told_.push_back(json::parse(text.substr(0, end)));
      changed_.notify_all();
    }
  }
}

}  // namespace fletbridge::conformance
