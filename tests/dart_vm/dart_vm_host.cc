// Room: tests/dart_vm. One bridge library on one Dart VM, one scenario, one JSON object on stdout.
// Started by the tests of this folder and by tests/bench/bridge.py.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <iterator>
#include <malloc.h>
#include <mutex>
#include <semaphore>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <thread>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "common/measure/percentiles.h"
#include "src/packaged_app/bridge_library.h"
#include "tests/dart_vm/dart_vm.h"
#include "tests/dart_vm/post_counter.h"

namespace fletbridge::dart_vm {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Options {
  std::string library, libpython, python_home, programs, vm = "fake", client, scenario;
  std::string work = "python";
  std::uintptr_t table_offset = 0;
  std::size_t bytes = 64, count = 1000, warm_up = 20;
  std::chrono::microseconds period{2000};
  std::chrono::seconds limit{600};
  bool count_posts = false;
};

constexpr auto kWait = 60s;

double Micros(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

Json PercentilesJson(const std::vector<std::uint64_t>& nanoseconds) {
  const Percentiles all = PercentilesOf(nanoseconds);
  const auto micros = [](std::optional<std::uint64_t> value) {
    return static_cast<double>(value.value_or(0)) / 1000;
  };
  return {{"count", all.count},
          {"p50", micros(all.p50)},
          {"p90", micros(all.p90)},
          {"p99", micros(all.p99)},
          {"max", micros(all.max)}};
}

// The library, a running program and the port they share.
class Rig {
 public:
  // What is called on the VM's thread for each message; set before it can come.
  using OnBytes = std::function<void(std::span<const std::byte>)>;

  Rig(DartVm& vm, const Options& options)
      : vm_(vm), options_(options), library_(options.library, options.libpython) {
    const ApiTable* table = vm.table();
    if (options.count_posts) table = CountPosts(table);
    if (library_.Init(table) != 0) throw std::runtime_error("DartBridge_InitDartApiDL failed");
    port_ = vm.NewPort([this](const Message& message) {
      const OnBytes* handler = on_bytes_.load();
      if (handler != nullptr && !message.is_integer) return (*handler)(message.bytes);
      const std::lock_guard lock(mutex_);
      inbox_.emplace_back(reinterpret_cast<const char*>(message.bytes.data()),
                          message.bytes.size());
      changed_.notify_all();
    });
    completion_ = vm.NewPort([this](const Message& message) {
      const std::lock_guard lock(mutex_);
      ends_.push_back(message.is_integer ? Json(message.integer) : Json("bytes"));
      changed_.notify_all();
    });
    if (::pipe2(commands_, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    if (port_ == 0 || completion_ == 0) throw std::runtime_error("the VM gave no port");
  }

  void Start(const std::string& program,
             std::vector<std::pair<std::string, std::string>> more = {}) {
    std::ifstream file(options_.programs);
    PythonProgram python;
    python.source.assign(std::istreambuf_iterator<char>(file), {});
    if (python.source.empty()) throw std::runtime_error("cannot read " + options_.programs);
    python.environment = {{"BRIDGE_PROGRAM", program},
                          {"BRIDGE_PORT", std::to_string(port_)},
                          {"BRIDGE_COMMANDS", std::to_string(commands_[0])},
                          {"BRIDGE_SIZE", std::to_string(options_.bytes)},
                          {"BRIDGE_COUNT", std::to_string(options_.count)}};
    if (!options_.python_home.empty()) {
      python.environment.emplace_back("PYTHONHOME", options_.python_home);
    }
    for (auto& variable : more) python.environment.push_back(std::move(variable));
    if (!library_.RunAsync(python, completion_)) throw std::runtime_error("Python did not start");
    if (const std::string word = Next(); word != "ready") {
      throw std::runtime_error("Python said " + word + " in place of ready");
    }
  }

  // As Dart does; refused is tried again, since a bounded queue may say so.
  void Send(std::span<const std::byte> bytes) {
    const auto deadline = Clock::now() + kWait;
    while (library_.Enqueue(port_, bytes.data(), bytes.size()) != 0) {
      if (Clock::now() > deadline) throw std::runtime_error("a message is refused for ever");
      std::this_thread::yield();
    }
  }
  void Send(const std::string& text) { Send(std::as_bytes(std::span(text))); }
  int TrySend(std::span<const std::byte> bytes) {
    return library_.Enqueue(port_, bytes.data(), bytes.size());
  }

  // The next message, if no handler takes them.
  std::string Next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kWait, [this] { return !inbox_.empty() || !ends_.empty(); }) ||
        inbox_.empty()) {
      throw std::runtime_error("no message from Python");
    }
    std::string text = std::move(inbox_.front());
    inbox_.pop_front();
    return text;
  }

  // `handler` must live until the end of the process.
  void Take(const OnBytes* handler) { on_bytes_ = handler; }

  // All that came to the completion port, once something has.
  Json WaitEnd() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kWait, [this] { return !ends_.empty(); })) {
      throw std::runtime_error("Python did not end");
    }
    return ends_;
  }

  // Lets a program go on that ends by itself, or ends one that does not. By a pipe: on the original
  // a call into the library that is under way when Python ends never comes back.
  void Nudge() {
    if (::write(commands_[1], "x", 1) != 1) throw std::runtime_error("the pipe to Python broke");
  }
  void EndPython() {
    Nudge();
    (void)WaitEnd();
  }

  [[nodiscard]] Port port() const { return port_; }
  [[nodiscard]] DartVm& vm() { return vm_; }

 private:
  DartVm& vm_;
  const Options& options_;
  const BridgeLibrary library_;
  Port port_ = 0;
  Port completion_ = 0;
  int commands_[2] = {-1, -1};
  std::atomic<const OnBytes*> on_bytes_{nullptr};
  // under mutex_
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> inbox_;
  Json ends_ = Json::array();
};

// A message that no other resembles: its number, at the start and all along.
std::vector<std::byte> Numbered(std::size_t size, std::size_t number) {
  std::vector<std::byte> bytes(size);
  auto state = static_cast<std::uint64_t>(number) * 0x9E3779B97F4A7C15U + 1;
  for (std::size_t i = 0; i < size; i += 8) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::memcpy(bytes.data() + i, &state, std::min<std::size_t>(8, size - i));
  }
  return bytes;
}

// One message at a time, there and back. The time ends when the VM's thread has the answer; bytes
// are compared after that.
class Echo {
 public:
  explicit Echo(Rig& rig) : rig_(rig), on_bytes_([this](auto bytes) { OnBytes(bytes); }) {}

  void Run(std::size_t size, std::size_t count, bool measured = true) {
    rig_.Take(&on_bytes_);
    for (std::size_t i = 0; i < count; ++i) {
      if (i < kDistinct) sent_ = Numbered(size, i);
      const auto number = static_cast<std::uint32_t>(i);
      if (size >= sizeof number) std::memcpy(sent_.data(), &number, sizeof number);
      const auto begin = Clock::now();
      rig_.Send(sent_);
      if (!answered_.try_acquire_for(kWait)) throw std::runtime_error("an answer is missing");
      if (measured) {
        const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(arrived_ - begin);
        times_.push_back(static_cast<std::uint64_t>(time.count()));
      }
    }
    rig_.Take(nullptr);
  }

  [[nodiscard]] const std::vector<std::uint64_t>& times() const { return times_; }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }

 private:
  // So many messages are made anew; the others differ by their number alone.
  static constexpr std::size_t kDistinct = 16;

  void OnBytes(std::span<const std::byte> bytes) {
    arrived_ = Clock::now();
    if (bytes.size() != sent_.size() ||
        std::memcmp(bytes.data(), sent_.data(), sent_.size()) != 0) {
      ++wrong_;
    }
    answered_.release();
  }

  Rig& rig_;
  const Rig::OnBytes on_bytes_;
  std::vector<std::byte> sent_;
  Clock::time_point arrived_;
  std::counting_semaphore<> answered_{0};
  std::vector<std::uint64_t> times_;
  std::uint64_t wrong_ = 0;
};

Json BooksJson() {
  const PostBooks books = Books();
  return {{"copied", books.copied},
          {"external", books.external},
          {"refused", books.refused},
          {"without_finalizer", books.without_finalizer},
          {"freed", books.freed},
          {"freed_twice", books.freed_twice},
          {"freed_though_refused", books.freed_though_refused},
          {"freed_while_posting", books.freed_while_posting}};
}

// Finalizers run when the VM likes: after the handler, or once a port is closed.
void WaitFreed() {
  const auto deadline = Clock::now() + 10s;
  for (PostBooks books = Books(); books.freed < books.external; books = Books()) {
    if (Clock::now() > deadline) return;
    std::this_thread::yield();
  }
}

std::size_t HeapBytes() {
  const struct mallinfo2 heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

Json RunEcho(Rig& rig, const Options& options) {
  rig.Start("echo");
  static Echo echo(rig);  // a handler may still be returning when this does
  echo.Run(options.bytes, options.warm_up, false);
  echo.Run(options.bytes, options.count);
  rig.EndPython();
  WaitFreed();
  return {{"rtt_us", PercentilesJson(echo.times())}, {"wrong", echo.wrong()}};
}

Json RunGrowth(Rig& rig, const Options& options) {
  rig.Start("growth");
  static Echo echo(rig);  // a handler may still be returning when this does
  const auto heap = [&rig] {
    rig.Send(std::string("heap"));
    return std::stoll(rig.Next());
  };
  echo.Run(options.bytes, options.warm_up, false);
  WaitFreed();
  const auto python_before = heap();
  const auto process_before = static_cast<std::int64_t>(HeapBytes());
  echo.Run(options.bytes, options.count);
  WaitFreed();
  const auto process_after = static_cast<std::int64_t>(HeapBytes());
  const auto python_after = heap();
  rig.EndPython();
  WaitFreed();
  return {{"python_growth", python_after - python_before},
          {"process_growth", process_after - process_before},
          {"wrong", echo.wrong()}};
}

// Reads each byte once.
bool AllEqual(std::span<const std::byte> bytes) {
  return bytes.empty() || std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// Whole batches, since a bridge that queues must be waited for; bytes per second of each.
Json RunOneWay(Rig& rig, const Options& options, bool to_python) {
  constexpr std::size_t kBatches = 60;
  // Static: a handler may still be returning when this does.
  static std::binary_semaphore done{0};
  static std::size_t got, wrong;
  static const std::size_t expected = to_python ? 1 : options.count;
  static const Rig::OnBytes on_bytes = [&options, to_python](std::span<const std::byte> bytes) {
    if (!to_python && (bytes.size() != options.bytes || !AllEqual(bytes))) ++wrong;
    if (++got % expected == 0) done.release();
  };
  rig.Start(to_python ? "sink" : "source");
  rig.Take(&on_bytes);
  const std::vector<std::byte> message = Numbered(options.bytes, 1);
  Json speeds = Json::array();
  for (std::size_t batch = 0; batch < kBatches + 2; ++batch) {
    const auto begin = Clock::now();
    if (to_python) {
      for (std::size_t i = 0; i < options.count; ++i) rig.Send(message);
    } else {
      rig.Send(std::string("go"));
    }
    if (!done.try_acquire_for(kWait)) throw std::runtime_error("a batch did not arrive");
    const double seconds = Micros(Clock::now() - begin) / 1e6;
    if (batch >= 2) speeds.push_back(static_cast<double>(options.bytes * options.count) / seconds);
  }
  rig.Take(nullptr);
  rig.EndPython();
  WaitFreed();
  return {{"bytes_per_second", speeds}, {"wrong", wrong}};
}

rusage ThreadUsage() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used;
}

// Calls on an absolute schedule from a thread that has nothing to do with Python, as a UI's; one
// that is late skips what it has missed. `clock_us`: what the same thread sees between two readings
// of the clock where no call lies between, that is the machine's own noise. `slept`: calls in which
// the thread gave up the processor, since it had to wait; `preempted`: calls in which another
// thread took it away, as on a machine with more to do than processors; `undisturbed_us` is without
// those.
Json RunEnqueue(Rig& rig, const Options& options) {
  rig.Start("busy", {{"BRIDGE_WORK", options.work}});
  const std::vector<std::byte> message = Numbered(options.bytes, 1);
  std::vector<std::uint64_t> calls, undisturbed, nothing;
  std::uint64_t refused = 0, slept = 0, preempted = 0;
  const auto end = Clock::now() + options.limit;
  auto next = Clock::now();
  while (calls.size() < options.count && Clock::now() < end) {
    next += options.period;
    if (const auto now = Clock::now(); next < now) {
      next += ((now - next) / options.period + 1) * options.period;
    }
    const auto since_epoch = next.time_since_epoch();
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
    const timespec at{whole.count(),
                      static_cast<long>(std::chrono::nanoseconds(since_epoch - whole).count())};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    const rusage used_before = ThreadUsage();
    const auto before = Clock::now();
    const auto begin = Clock::now();
    const int code = rig.TrySend(message);
    const auto after = Clock::now();
    const rusage used_after = ThreadUsage();
    if (code != 0) ++refused;
    nothing.push_back(static_cast<std::uint64_t>((begin - before).count()));
    calls.push_back(static_cast<std::uint64_t>((after - begin).count()));
    if (used_after.ru_nvcsw != used_before.ru_nvcsw) ++slept;
    if (used_after.ru_nivcsw != used_before.ru_nivcsw) {
      ++preempted;
    } else {
      undisturbed.push_back(calls.back());
    }
  }
  // All that was accepted must arrive: `busy` answers when it has had `count` messages.
  for (std::uint64_t sent = calls.size() - refused; sent < options.count; ++sent) rig.Send(message);
  const bool arrived = rig.Next() == "done";
  return {{"call_us", PercentilesJson(calls)},
          {"undisturbed_us", PercentilesJson(undisturbed)},
          {"slept", slept},
          {"preempted", preempted},
          {"clock_us", PercentilesJson(nothing)},
          {"refused", refused},
          {"arrived", arrived}};
}

Json RunPorts(Rig& rig, const Options&) {
  const Port closed = rig.vm().NewPort([](const Message&) {});
  const bool first = rig.vm().ClosePort(closed);
  rig.Start("ports", {{"BRIDGE_CLOSED_PORT", std::to_string(closed)}});
  rig.Nudge();
  Json answers = {{"closed", rig.Next()}, {"unknown", rig.Next()}, {"zero", rig.Next()}};
  (void)rig.WaitEnd();
  return {{"close_open", first}, {"close_again", rig.vm().ClosePort(closed)}, {"answers", answers}};
}

// The program has ended, and its last messages still lie in the port: they are as good as any.
Json RunLastWords(Rig& rig, const Options& options, bool read_them) {
  struct Reader {
    std::promise<void> start;
    std::shared_future<void> may_read{start.get_future()};
    std::size_t size;
    std::atomic<std::size_t> got{0}, wrong{0};
  };
  // Never destroyed: a handler may still run when this returns.
  auto* reader = new Reader;
  reader->size = options.bytes;
  const auto* on_bytes = new Rig::OnBytes([reader](std::span<const std::byte> bytes) {
    reader->may_read.wait();
    const auto mark = static_cast<std::byte>(reader->got.load() % 251);
    const bool right = bytes.size() == reader->size && bytes.front() == mark && AllEqual(bytes);
    if (!right) ++reader->wrong;
    ++reader->got;
  });
  rig.Start("last_words");
  rig.Take(on_bytes);
  rig.Nudge();
  const Json ends = rig.WaitEnd();
  const std::uint64_t freed_before = Books().freed;
  if (!read_them) (void)rig.vm().ClosePort(rig.port());
  reader->start.set_value();
  const auto deadline = Clock::now() + 10s;
  while (read_them && reader->got < options.count && Clock::now() < deadline)
    std::this_thread::yield();
  WaitFreed();
  return {{"completion", ends},
          {"got", reader->got.load()},
          {"wrong", reader->wrong.load()},
          {"freed_before_end", freed_before}};
}

Json RunCompletion(Rig& rig, const std::string& program) {
  rig.Start(program);
  rig.Nudge();
  return {{"completion", rig.WaitEnd()}};
}

Json RunScenario(DartVm& vm, const Options& options) {
  static Rig* rig;  // never destroyed: VM threads may still call it when the process ends
  rig = new Rig(vm, options);
  const std::string& name = options.scenario;
  if (name == "echo") return RunEcho(*rig, options);
  if (name == "growth") return RunGrowth(*rig, options);
  if (name == "to-python") return RunOneWay(*rig, options, true);
  if (name == "to-dart") return RunOneWay(*rig, options, false);
  if (name == "enqueue") return RunEnqueue(*rig, options);
  if (name == "ports") return RunPorts(*rig, options);
  if (name == "last-words") return RunLastWords(*rig, options, true);
  if (name == "unread") return RunLastWords(*rig, options, false);
  if (name == "completion") return RunCompletion(*rig, "echo");
  if (name == "completion-raising") return RunCompletion(*rig, "raising");
  throw std::runtime_error("no scenario " + name);
}

int Perform(DartVm& vm, const Options& options) {
  try {
    Json result = RunScenario(vm, options);
    if (options.count_posts) result["posts"] = BooksJson();
    std::printf("%s\n", result.dump().c_str());
    std::fflush(stdout);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dart_vm_host: %s: %s\n", options.scenario.c_str(), error.what());
    return 70;
  }
}

}  // namespace
}  // namespace fletbridge::dart_vm

int main(int argc, char** argv) {
  using namespace fletbridge::dart_vm;
  // What a test that was killed has started must not outlive it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == 1) return 70;
  Options options;
  std::size_t period_us = 2000, limit_s = 600;
  unsigned deadline_s = 300;
  CLI::App cli("A bridge library on a Dart VM");
  cli.add_option("--library", options.library, "libdart_bridge.so")->required();
  cli.add_option("--libpython", options.libpython, "opened with global scope first");
  cli.add_option("--python-home", options.python_home, "PYTHONHOME of the hosted Python");
  cli.add_option("--programs", options.programs, "programs.py")->required();
  cli.add_option("--vm", options.vm, "real, fake, or inline: a fake that does not change threads")
      ->check(CLI::IsMember({"real", "fake", "inline"}));
  cli.add_option("--client", options.client, "folder of Flet's client, for the real VM");
  cli.add_option("--table-offset", options.table_offset, "of dart::dart_api_data in its engine");
  cli.add_option("--bytes", options.bytes, "of one message");
  cli.add_option("--count", options.count, "of messages");
  cli.add_option("--warm-up", options.warm_up, "messages that are not measured");
  cli.add_option("--period-us", period_us, "between two calls of enqueue");
  cli.add_option("--limit-s", limit_s, "enqueue ends after this time even with fewer calls");
  cli.add_option("--work", options.work, "enqueue: python, c or none");
  cli.add_option("--deadline-s", deadline_s, "the process is killed after this time");
  cli.add_flag("--count-posts", options.count_posts, "keep the books of what is posted");
  cli.add_option("scenario", options.scenario)->required();
  CLI11_PARSE(cli, argc, argv);
  options.period = std::chrono::microseconds(period_us);
  options.limit = std::chrono::seconds(limit_s);
  ::alarm(deadline_s);
  if (options.vm == "real") {
    RunWithRealVm(options.client, options.table_offset,
                  [&options](DartVm& vm) { return Perform(vm, options); });
  }
  const std::unique_ptr<DartVm> vm =
      MakeFakeVm(options.vm == "fake" ? Delivery::kThread : Delivery::kInline);
  const int code = Perform(*vm, options);
  std::fflush(nullptr);
  ::_exit(code);  // as a Flutter app ends: Python's threads may still run
}
