// Room: tests/dart_bridge. One library under test with a fake VM and one program in it: starts
// Python as serious_python does, hears what the script says and opens its gates by pipes that are
// no part of the bridge, and reads what the process writes to its standard streams.
//
// Every wait ends after kPatience at the latest and then throws Failure. Any thread, except where
// said.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>
#include <utility>
#include <vector>

#include "tests/dart_bridge/abi.h"
#include "tests/dart_bridge/fake_vm.h"

namespace fletbridge::bridge_test {

inline constexpr std::chrono::seconds kPatience{20 * BRIDGE_PATIENCE};
inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

inline constexpr std::int64_t kHandlerPort = 77;
inline constexpr std::int64_t kEndPort = 1;   // a message here ends park()
inline constexpr std::int64_t kExitPort = 9;  // completion_port, where a case says nothing else

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The library is older than what a case needs.
struct Absent : Failure {
  using Failure::Failure;
};

void Require(bool holds, const std::string& what);
// As Require(got == wanted), and tells both.
void Same(std::string_view what, const std::string& got, const std::string& wanted);
void Same(std::string_view what, std::int64_t got, std::int64_t wanted);
void AwaitUntil(const std::string& what, const std::function<bool()>& holds);

// Throws Absent if the library lacks `function`.
template <class Function>
void Need(Function function, const char* name) {
  if (function == nullptr) throw Absent(std::string("the library has no ") + name);
}

// What goes into sp_run_config_t. An absent text is a null pointer.
struct Start {
  std::optional<std::string> script;
  std::int32_t mode = 1;
  std::optional<std::string> app_path;
  std::optional<std::string> program_name;
  std::vector<std::string> module_paths;
  std::vector<std::string> env_keys;
  std::optional<std::vector<std::string>> env_values;
  bool sync = false;
  std::int64_t completion_port = kExitPort;
};

class Rig {
 public:
  Rig(const char* library, bool original);
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  [[nodiscard]] Bridge& bridge() { return bridge_; }
  [[nodiscard]] FakeVm& vm() { return vm_; }
  // The library is flet-dev's; its weak points are then looked for where that is safe.
  [[nodiscard]] bool original() const { return original_; }
  // It behaves as dart_bridge 1.9 does, and not as 1.4.1.
  [[nodiscard]] bool newest() const { return !original_ || bridge_.hard_exit != nullptr; }
  [[nodiscard]] const std::string& folder() const { return folder_; }

  // ---- Running.
  // What the original needs before asyncio and Flet can be imported, see case 65; ours does it.
  void ShowPythonToExtensions();
  void Init();  // gives the library the fake VM's table
  // A script with say(), gate() and park() before it; see rig.cc.
  [[nodiscard]] static std::string WithPrelude(const std::string& body);
  [[nodiscard]] int Run(const Start& start);
  // Runs `body` and gives run()'s code.
  [[nodiscard]] int RunSync(const std::string& body);
  // Init(), starts `body` on the library's thread and waits until it says `word`, as park() does.
  void Park(const std::string& body, const std::string& word = "parked");
  // Ends park(), waits for the program's end and requires `code` of it. Nothing remains.
  void End(std::int64_t code = 0);
  void AwaitEnded(std::int64_t port = kExitPort);

  // ---- Speaking with the script.
  [[nodiscard]] int Enqueue(std::int64_t port, std::string_view data) {
    return bridge_.enqueue(port, data.data(), data.size());
  }
  // Until it is taken; requires that nothing but -1 came before.
  void Send(std::int64_t port, std::string_view data);
  void Signal(const std::vector<std::pair<const char*, std::int64_t>>& ports);
  void OpenGate() { WriteGate("x"); }
  void WriteGate(std::string_view bytes);
  // The next line said.
  [[nodiscard]] std::string Hear();
  // Hears the next line and requires that it is `line`.
  void Expect(const std::string& line) { Same("the script says", Hear(), line); }
  [[nodiscard]] bool HasHeard();  // a line waits
  // Its number, from "key value".
  [[nodiscard]] std::int64_t HearNumber(const std::string& key);
  // The counts of _fletbridge_ffi.statistics(), asked by a script that has called
  // tell_statistics().
  [[nodiscard]] std::map<std::string, std::int64_t> HearStatistics();

  // ---- The standard streams.
  void Capture();  // before anything runs
  [[nodiscard]] std::string captured_stdout();
  [[nodiscard]] std::string captured_stderr();
  // Prints to the real standard output, captured or not.
  void Tell(const std::string& line) const;
  void ShowCaptured();

 private:
  void ReadReports();

  Bridge bridge_;
  const bool original_;
  const std::string folder_;
  int report_[2] = {-1, -1};
  int gate_[2] = {-1, -1};
  int captured_[2] = {-1, -1};
  int real_stdout_ = -1;
  FakeVm vm_;

  // under mutex_
  std::mutex mutex_;
  std::condition_variable heard_;
  std::deque<std::string> lines_;

  std::thread reader_;
};

// Figures of a process, from /proc.
[[nodiscard]] std::size_t ResidentBytes();
[[nodiscard]] std::size_t PeakResidentBytes();

// Numbered bytes, so that a swap, a loss and a reused buffer are told apart.
[[nodiscard]] std::string Numbered(std::uint32_t number, std::size_t size);

struct Case {
  const char* name;
  std::function<void(Rig&)> run;
};

[[nodiscard]] std::vector<Case> StartCases();    // 1 to 28, and what ends a process: 62 to 65
[[nodiscard]] std::vector<Case> MessageCases();  // 29 to 47, 59 to 61
[[nodiscard]] std::vector<Case> SessionCases();  // 48 to 58
[[nodiscard]] std::vector<Case> FletCases();     // 66 and 67
[[nodiscard]] std::vector<Case> OwnCases();      // what only ours promises
[[nodiscard]] std::vector<Case> StressCases();

}  // namespace fletbridge::bridge_test
