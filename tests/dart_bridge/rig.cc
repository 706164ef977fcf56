#include "tests/dart_bridge/rig.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <fstream>
#include <sys/mman.h>
#include <unistd.h>

namespace fletbridge::bridge_test {
namespace {

// say() and gate() are the script's own way out and in: what is under test is not used to test it.
constexpr const char* kPrelude = R"py(
import os, sys, threading, time
import dart_bridge as bridge

REPORT, GATE = (int(n) for n in os.environ["BRIDGE_TEST_PIPES"].split())

def say(*words):
    os.write(REPORT, (" ".join(map(str, words)) + "\n").encode())

def gate():
    "Waits, without the GIL, for one byte from the host."
    return os.read(GATE, 1)

def park():
    end = threading.Event()
    bridge.set_enqueue_handler_func(1, lambda data: end.set())
    say("parked")
    end.wait()

async def park_loop():
    import asyncio
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    bridge.set_enqueue_handler_func(1, lambda data: loop.call_soon_threadsafe(end.set))
    say("parked")
    await end.wait()

def caught(call, *arguments):
    "The exception that a call raises, as text."
    try:
        return "returned %r" % (call(*arguments),)
    except BaseException as error:
        return "%s: %s" % (type(error).__name__, error)

def tell_statistics():
    "Once everything accepted has been delivered or dropped, or after a deadline."
    import _fletbridge_ffi
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        counts = _fletbridge_ffi.statistics()
        if counts["delivered"] + counts["dropped"] == counts["accepted"]:
            break
        time.sleep(0.002)
    say("statistics", *("%s=%d" % item for item in counts.items()))
)py";

std::string Folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder == nullptr ? "/tmp" : folder;
}

std::string ReadAll(int fd) {
  std::string text;
  char part[4096];
  off_t at = 0;
  for (ssize_t n = 0; (n = ::pread(fd, part, sizeof part, at)) > 0; at += n) {
    text.append(part, static_cast<std::size_t>(n));
  }
  return text;
}

std::size_t StatusKilobytes(const char* key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != key) continue;
    std::size_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes;
  }
  throw Failure(std::string("no ") + key + " in /proc/self/status");
}

// A null-terminated array of pointers into `texts`.
std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  pointers.push_back(nullptr);
  return pointers;
}

const char* OrNull(const std::optional<std::string>& text) {
  return text ? text->c_str() : nullptr;
}

void Overwrite(std::string& text) { std::memset(text.data(), 'X', text.size()); }

}  // namespace

void Require(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

void Same(std::string_view what, const std::string& got, const std::string& wanted) {
  Require(got == wanted, std::string(what) + ": got \"" + got + "\", wanted \"" + wanted + "\"");
}

void Same(std::string_view what, std::int64_t got, std::int64_t wanted) {
  Same(what, std::to_string(got), std::to_string(wanted));
}

void AwaitUntil(const std::string& what, const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    Require(std::chrono::steady_clock::now() < deadline, "did not come: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Rig::Rig(const char* library, bool original)
    : bridge_(library), original_(original), folder_(Folder()) {
  if (::pipe2(report_, O_CLOEXEC) != 0 || ::pipe2(gate_, O_CLOEXEC) != 0) throw Failure("no pipe");
  const std::string pipes = std::to_string(report_[1]) + " " + std::to_string(gate_[0]);
  ::setenv("BRIDGE_TEST_PIPES", pipes.c_str(), 1);
  reader_ = std::thread([this] { ReadReports(); });
}

Rig::~Rig() {
  ::close(report_[1]);
  reader_.join();
  for (const int fd : {report_[0], gate_[0], gate_[1], captured_[0], captured_[1], real_stdout_}) {
    if (fd >= 0) ::close(fd);
  }
}

void Rig::ReadReports() {
  std::string pending;
  char part[4096];
  for (ssize_t n = 0; (n = ::read(report_[0], part, sizeof part)) > 0;) {
    pending.append(part, static_cast<std::size_t>(n));
    const std::scoped_lock lock(mutex_);
    for (std::size_t end = 0; (end = pending.find('\n')) != std::string::npos;) {
      lines_.push_back(pending.substr(0, end));
      pending.erase(0, end + 1);
    }
    heard_.notify_all();
  }
}

void Rig::ShowPythonToExtensions() {
  Require(::dlopen(BRIDGE_LIBPYTHON, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) != nullptr,
          "libpython is not loaded");
}

void Rig::Init() { Same("init", bridge_.init(vm_.table()), 0); }

std::string Rig::WithPrelude(const std::string& body) { return kPrelude + body; }

int Rig::Run(const Start& start) {
  // A copy that is overwritten as soon as run() has returned: it may keep nothing.
  Start copy = start;
  std::vector<const char*> paths = Pointers(copy.module_paths);
  std::vector<const char*> keys = Pointers(copy.env_keys);
  std::vector<const char*> values = Pointers(copy.env_values.value_or(std::vector<std::string>{}));
  if (copy.env_values) values = Pointers(*copy.env_values);
  sp_run_config_t config{};
  config.mode = copy.mode;
  config.app_path = OrNull(copy.app_path);
  config.script_source = OrNull(copy.script);
  config.program_name = OrNull(copy.program_name);
  config.module_paths = copy.module_paths.empty() ? nullptr : paths.data();
  config.env_keys = copy.env_keys.empty() ? nullptr : keys.data();
  config.env_values = copy.env_values ? values.data() : nullptr;
  config.sync = copy.sync ? 1 : 0;
  config.completion_port = copy.completion_port;
  const int code = bridge_.run(&config);
  for (std::optional<std::string>* text : {&copy.script, &copy.app_path, &copy.program_name}) {
    if (*text) Overwrite(**text);
  }
  for (auto* list : {&copy.module_paths, &copy.env_keys}) {
    for (std::string& text : *list) Overwrite(text);
  }
  if (copy.env_values) {
    for (std::string& text : *copy.env_values) Overwrite(text);
  }
  std::memset(static_cast<void*>(&config), 0x55, sizeof config);
  return code;
}

int Rig::RunSync(const std::string& body) {
  Start start;
  start.script = WithPrelude(body);
  start.sync = true;
  start.completion_port = 0;
  return Run(start);
}

void Rig::Park(const std::string& body, const std::string& word) {
  Init();
  Start start;
  start.script = WithPrelude(body);
  Same("run", Run(start), 0);
  Expect(word);
}

void Rig::End(std::int64_t code) {
  Send(kEndPort, "");
  Same("the program's code", vm_.Await(kExitPort).integer, code);
  AwaitEnded();
}

void Rig::AwaitEnded(std::int64_t port) {
  (void)vm_.Await(port);
  AwaitUntil("the end of Python", [this] { return bridge_.is_initialized() == 0; });
}

void Rig::Send(std::int64_t port, std::string_view data) {
  AwaitUntil("a place for a message to port " + std::to_string(port), [&] {
    const int code = Enqueue(port, data);
    Require(code == 0 || code == -1, "enqueue: " + std::to_string(code));
    return code == 0;
  });
}

void Rig::Signal(const std::vector<std::pair<const char*, std::int64_t>>& ports) {
  std::vector<const char*> labels;
  std::vector<std::int64_t> numbers;
  for (const auto& [label, port] : ports) {
    labels.push_back(label);
    numbers.push_back(port);
  }
  bridge_.signal(static_cast<int>(ports.size()), labels.data(), numbers.data());
}

void Rig::WriteGate(std::string_view bytes) {
  Require(::write(gate_[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
          "the gate is closed");
}

std::string Rig::Hear() {
  std::unique_lock lock(mutex_);
  Require(heard_.wait_for(lock, kPatience, [this] { return !lines_.empty(); }),
          "the script says nothing");
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

bool Rig::HasHeard() {
  const std::scoped_lock lock(mutex_);
  return !lines_.empty();
}

std::int64_t Rig::HearNumber(const std::string& key) {
  const std::string line = Hear();
  Require(line.starts_with(key + " "), "the script says \"" + line + "\", wanted " + key);
  return std::stoll(line.substr(key.size() + 1));
}

std::map<std::string, std::int64_t> Rig::HearStatistics() {
  const std::string line = Hear();
  Require(line.starts_with("statistics "), "the script says \"" + line + "\", wanted statistics");
  std::map<std::string, std::int64_t> counts;
  for (std::size_t at = line.find(' '); at != std::string::npos;) {
    const std::size_t equals = line.find('=', at);
    const std::size_t end = line.find(' ', equals);
    counts[line.substr(at + 1, equals - at - 1)] =
        std::stoll(line.substr(equals + 1, end - equals - 1));
    at = end;
  }
  for (const char* key : {"queued_bytes", "queued_bytes_peak", "accepted", "refused", "delivered",
                          "dropped", "sent", "sent_bytes"}) {
    Require(counts.contains(key), std::string("statistics have no ") + key);
  }
  return counts;
}

void Rig::Capture() {
  real_stdout_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    const int file = ::memfd_create("captured", MFD_CLOEXEC);
    if (file < 0) throw Failure("no memory file");
    ::dup2(file, fd);
    captured_[fd - STDOUT_FILENO] = file;
  }
}

std::string Rig::captured_stdout() {
  std::fflush(stdout);
  return ReadAll(captured_[0]);
}

std::string Rig::captured_stderr() {
  std::fflush(stderr);
  return ReadAll(captured_[1]);
}

void Rig::Tell(const std::string& line) const {
  std::string text = line + "\n";
  // An empty line would end the tests' reading.
  for (std::size_t at = 0; (at = text.find("\n\n")) != std::string::npos;) text.erase(at, 1);
  const int fd = real_stdout_ >= 0 ? real_stdout_ : STDOUT_FILENO;
  [[maybe_unused]] const ssize_t n = ::write(fd, text.data(), text.size());
}

void Rig::ShowCaptured() {
  if (real_stdout_ < 0) return;
  Tell("its stdout: " + captured_stdout() + "\nits stderr: " + captured_stderr());
}

std::size_t ResidentBytes() { return StatusKilobytes("VmRSS:") * kKiB; }
std::size_t PeakResidentBytes() { return StatusKilobytes("VmHWM:") * kKiB; }

std::string Numbered(std::uint32_t number, std::size_t size) {
  std::string bytes(size, static_cast<char>('a' + number % 26));
  std::memcpy(bytes.data(), &number, std::min(size, sizeof number));
  return bytes;
}

}  // namespace fletbridge::bridge_test
