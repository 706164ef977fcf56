// Room: tests/conformance. One AppHost under test, with the app of peer.py behind it: records
// what is told of it, speaks to the app by packets and, when none may flow, by a socket pair. Its
// life is the machine's, as in the host; the rig is the UI.
// A scenario drives it from a thread of its own while the main thread belongs to the transport.
//
// Every wait ends at once when the app has ended, and after kPatience otherwise; both throw
// Failure.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/base/event_loop.h"
#include "common/platform/unique_fd.h"
#include "common/transport/app_host.h"
#include "src/host/life.h"

namespace fletbridge::conformance {

inline constexpr std::chrono::seconds kPatience{40};
inline constexpr int kAnyExit = -1;
inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void Require(bool holds, const std::string& what);

// What a scenario wants before it begins.
struct Plan {
  FlowLimits limits{};
  std::string start = "run";  // CONFORMANCE_START of peer.py
  bool single_session = false;
  LifePatience patience = Patient();
  bool stop_first = false;  // the UI closes before the app could be started

  // Longer than anything that a scenario waits for.
  static LifePatience Patient() {
    LifePatience patience;
    patience.listening = kPatience;
    patience.told = std::chrono::seconds(10);
    patience.interrupted = std::chrono::seconds(5);
    return patience;
  }
  static LifePatience Impatient() {
    LifePatience patience = Patient();
    patience.told = patience.interrupted = std::chrono::milliseconds(300);
    return patience;
  }
};

// [session][sender][number] and filler, as peer.py's labelled().
[[nodiscard]] Buffer Labelled(std::uint32_t session, std::uint32_t sender, std::uint32_t number,
                              std::size_t size);
struct Label {
  std::uint32_t session = 0, sender = 0, number = 0;
};
// Throws if the packet is not what Labelled() makes.
[[nodiscard]] Label ReadLabel(const Packet& packet);

class Rig final : public AppSink, public AppSessionSink, public LifeOrders {
 public:
  // `variant` is "legacy:ws", "1:uds", "1:tcp", "2:uds", "2:tcp", "3:ffi"; "streams:ffi", which is
  // stage 3 for an app that speaks by asyncio's streams, as on a socket; "attached:uds" or
  // "attached:tcp", whose app is our parent and listens at CONFORMANCE_ADDRESS; "bridge:ffi", a
  // packaged app; or "memory:pipe", the reference implementation, whose app is a thread of this
  // process.
  Rig(const std::string& variant, const Plan& plan);
  ~Rig() override;

  // The whole run, on the main thread: `scenario` on a thread of its own, then Stop() unless the
  // app has ended. Returns the process's exit code: 0 if all held. A hosted interpreter may end the
  // process in here, with the same code.
  int Run(std::function<void(Rig&)> scenario);

  // ---- For scenarios; any thread.
  // The UI closes: the app is asked to end.
  void Stop();
  // A signal that has reached this process and not the app.
  void Signal(int signal);
  [[nodiscard]] AppHost& transport() { return *transport_; }
  // The one that is open. What is sent after NewSession() has returned is for the new one.
  [[nodiscard]] AppSession& session() { return *session_; }
  void NewSession();
  [[nodiscard]] const std::string& variant() const { return variant_; }
  [[nodiscard]] bool has_sockets() const { return !variant_.ends_with("ffi") && !is_reference(); }
  [[nodiscard]] bool is_stream() const { return variant_.starts_with("streams"); }
  [[nodiscard]] bool is_reference() const { return variant_.starts_with("memory"); }
  [[nodiscard]] bool is_legacy() const { return variant_.starts_with("legacy"); }
  [[nodiscard]] bool is_attached() const { return variant_.starts_with("attached"); }
  [[nodiscard]] bool is_packaged() const { return variant_.starts_with("bridge"); }
  [[nodiscard]] bool in_process() const {
    return variant_.front() != '1' && !is_legacy() && !is_attached() && !is_reference();
  }
  // The end of this side is told to nobody and waits for nobody: the app is our parent, which sees
  // its client go, or a packaged app, which ends with its window.
  [[nodiscard]] bool only_leaves() const { return is_attached() || is_packaged(); }
  // What is told of an app that ends with `code`: a parent's exit code is not for us to know.
  [[nodiscard]] int CodeTold(int code) const { return is_attached() ? 0 : code; }
  [[nodiscard]] pid_t app_pid() const;
  void AwaitConnected();
  AppEvent Await(AppState state);
  Error AwaitClosed() { return Await(AppState::kClosed).why; }
  // Sends, and waits while the port is full.
  void Send(Packet&& packet);
  void Send(PacketType type, Buffer payload) { Send(Packet{type, std::move(payload)}); }
  void Order(const nlohmann::json& order);
  // The next packet from the app.
  [[nodiscard]] Packet Next();
  [[nodiscard]] nlohmann::json Report();
  // Waits until the app has told `key` as `value` over the socket pair; returns that line. What it
  // tells last may come after its end: `despite_exit`.
  nlohmann::json AwaitTold(const std::string& key, const nlohmann::json& value,
                           bool despite_exit = false);
  [[nodiscard]] nlohmann::json LastTold(const std::string& key);
  void Go();  // lets an app go on that waits for it
  void AwaitRefused(std::function<void(const std::string& text)> look);
  // Waits until `measure` has given the same for a while: nothing moves any more.
  std::size_t AwaitQuiet(const std::function<std::size_t()>& measure);
  void AwaitUntil(const std::string& what, const std::function<bool()>& holds);
  // Tells the test how far this process is, and waits for its line of answer (or for its SIGKILL).
  void AtStep(const std::string& step);

  void ExpectExit(int code) { expected_exit_ = code; }
  [[nodiscard]] int writable_calls() const { return writable_calls_.load(); }
  [[nodiscard]] std::size_t packets_received() const { return packets_received_.load(); }
  [[nodiscard]] std::size_t lost_calls() const { return lost_calls_.load(); }
  [[nodiscard]] bool exited() const { return exited_.load(); }

 private:
  void OnPacket(Packet&& packet) override;
  void OnWritable() override;
  void OnRefused(const Error& why) override;
  void OnListening() override { life_->AppListening(); }
  void OnConnected() override { life_->AppConnected(); }
  void OnLost(const Error& why) override;
  void OnUnreachable(const Error& why) override { life_->AppUnreachable(why); }
  void OnWord(AppWord word, int number) override;
  void OnSignal(int, bool) override {}
  void OnExited(int code, const Error& why) override { life_->AppExited(code, why); }

  void StartApp() override { start_.set_value(true); }
  void StayUnstarted() override { start_.set_value(false); }
  void Leave() override { transport_->Leave(); }
  void PassSignal(int signal, bool has) override { transport_->PassSignal(signal, has); }
  void Interrupt() override { transport_->Interrupt(); }
  void Kill() override { transport_->Kill(); }
  void CloseUi(const Error&) override {}
  void DrainUi() override {}
  bool EndUiSession(const Error&) override { return false; }
  void Arm(LifeTimer timer, std::chrono::milliseconds time) override;
  void Disarm(LifeTimer timer) override;
  bool WaitsForPerson() override { return false; }
  void Say(LogLevel, const std::string&) override {}
  void OnAppEvent(const AppEvent& event) override;
  void OnSessionEnded() override {}

  void WaitFor(const std::string& what, const std::function<bool()>& holds,
               bool despite_exit = false);
  void Drive(const std::function<void(Rig&)>& scenario);
  int AtEnd(int app_code);
  void CheckLifeCycle(int app_code);
  void Fail(const std::string& text);
  void ReadSide();
  void OpenSession();
  Result<std::unique_ptr<AppHost>> Make(const Plan& plan);
  Result<std::unique_ptr<AppHost>> MakePackaged(const Plan& plan);

  const std::string variant_;
  std::unique_ptr<EventLoop> loop_;
  UniqueFd side_;         // ours
  UniqueFd side_of_app_;  // the app's, inherited or shared; none if the app has it already
  std::unique_ptr<AppHost> transport_;
  std::unique_ptr<AppSession> session_;
  std::unique_ptr<Life> life_;  // loop's thread
  struct Timers;
  std::unique_ptr<Timers> timers_;
  std::promise<bool> start_;
  std::thread driver_;
  std::thread side_reader_;
  int expected_exit_ = 0;

  std::atomic<int> writable_calls_{0};
  std::atomic<std::size_t> packets_received_{0};
  std::atomic<std::size_t> lost_calls_{0};
  std::atomic<bool> exited_{false};
  std::atomic<bool> failed_{false};

  // under mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Packet> packets_;
  std::vector<AppEvent> events_;
  std::vector<std::string> refused_;
  std::vector<nlohmann::json> told_;
  std::vector<std::string> broken_;  // what the sink saw out of order
};

}  // namespace fletbridge::conformance
