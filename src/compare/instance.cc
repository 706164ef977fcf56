#include "src/compare/instance.h"

#include <arpa/inet.h>
#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/unique_fd.h"
#include "common/process/child.h"

namespace fletbridge::compare {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kFirstFrameTime = 60s;
constexpr auto kEndTime = 5s;

// What the loop's thread tells of processes that end.
struct Ended {
  UniqueFd event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<int> running{0};
  std::atomic<int> code{0};  // of the first one that ended

  void Tell(int exit_code) {
    int none = 0;
    code.compare_exchange_strong(none, exit_code == 0 ? -1 : exit_code);
    --running;
    const std::uint64_t one = 1;
    static_cast<void>(!::write(event.get(), &one, sizeof one));
  }
};

void OnLoop(EventLoop& loop, const std::function<void()>& task) {
  std::promise<void> done;
  loop.Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

// A port that nobody has just now; whoever takes it first in between makes the start fail, and say
// so.
int FreePort() {
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!probe || ::bind(probe.get(), generic, size) != 0 ||
      ::getsockname(probe.get(), generic, &size) != 0) {
    return 0;
  }
  return ntohs(address.sin_port);
}

std::string WhyNotPackaged(const Plan& plan) {
  if (plan.packaged_host.empty()) return "fletbridge-packaged-host is not installed; build it";
  if (!plan.module.empty()) return "it runs scripts only; name the script in place of -m";
  return "there is no such libdart_bridge.so; name flet-dev's with FLETBRIDGE_ORIGINAL, build ours";
}

// What was said last, or the line of ours that names a failed step, which stands above the control
// tree that it shows. That the app ended is known: then its own words say more.
std::string Complaint(const std::string& file) {
  constexpr std::string_view kOurs = "fletbridge: ";
  std::ifstream in(file);
  std::string line, said, ours;
  while (std::getline(in, line)) {
    if (line.find_first_not_of(" \t\r^~") == std::string::npos) continue;
    if (!line.starts_with(kOurs)) {
      if (ours.empty()) said = line;
    } else if (ours.empty() && !line.starts_with("fletbridge: warning")) {
      ours = line.substr(kOurs.size());
    }
  }
  const bool known = ours.starts_with("the app ended before");
  return (ours.empty() || (known && !said.empty()) ? said : ours).substr(0, 300);
}

}  // namespace

struct Instance::Impl {
  Impl(EventLoop& event_loop, const Variant& what, int interrupt_fd)
      : loop(event_loop), variant(what), interrupt(interrupt_fd) {}

  Error Failure(const std::string& what) const {
    const std::string said = Complaint(output_file);
    return MakeError(Errc::kSetup, variant.name + ": " + what + (said.empty() ? "" : ": " + said));
  }

  // Waits until `fd` is readable.
  Result<> Wait(int fd, Clock::time_point deadline, const char* for_what) {
    while (true) {
      pollfd fds[] = {{fd, POLLIN, 0}, {interrupt, POLLIN, 0}, {ended->event.get(), POLLIN, 0}};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      const int ready = ::poll(fds, 3, static_cast<int>(std::max<std::int64_t>(0, left.count())));
      if (ready < 0 && errno == EINTR) continue;
      if (fds[1].revents != 0) return MakeError(Errc::kClosed, "interrupted");
      if (fds[0].revents != 0) return {};
      if (fds[2].revents != 0) {
        const int code = ended->code.load();
        return Failure("the app ended with exit code " + std::to_string(code < 0 ? 0 : code) +
                       " before " + for_what);
      }
      if (ready <= 0) return Failure(std::string("no ") + for_what + " in time");
    }
  }

  Result<> Launch(ChildOptions options) {
    options.output = output.get();
    options.own_session = true;
    ++ended->running;
    Result<std::unique_ptr<Child>> child =
        Child::Start(loop, options, [state = ended](int code) { state->Tell(code); });
    if (!child) {
      --ended->running;
      return child.error();
    }
    children.push_back(std::move(*child));
    return {};
  }

  Result<> LaunchAll(const Plan& plan, const std::string& folder, int number) {
    std::vector<std::string> app;
    if (plan.module.empty()) {
      app = {plan.app};
    } else {
      app = {"-m", plan.module};
    }
    ChildOptions options;
    switch (variant.kind) {
      case Variant::Kind::kStage: {
        options.executable = plan.programs + "/fletbridge";
        options.arguments = {
            "run",       "--ui",        "headless",    "--quiet",         "--no-fallback",
            "--stage",   variant.stage, "--transport", variant.transport, "--steps",
            socket_path, "--report",    report_file,   "--python",        plan.python};
        if (!variant.hosting.empty()) {
          options.arguments.insert(options.arguments.end(), {"--hosting", variant.hosting});
        }
        break;
      }
      case Variant::Kind::kFlet:
        return LaunchFlet(plan, std::move(app), folder, number);
      case Variant::Kind::kPackaged: {
        const std::string& library = variant.stage == "bridge" ? plan.bridge : plan.original;
        if (plan.packaged_host.empty() || library.empty() || !plan.module.empty()) {
          return MakeError(Errc::kSetup, variant.name + ": " + WhyNotPackaged(plan));
        }
        options.executable = plan.packaged_host;
        options.arguments = {"--library", library,     "--label",       variant.stage,
                             "--python",  plan.python, "--python-home", plan.python_home,
                             "--steps",   socket_path};
        break;
      }
    }
    options.arguments.insert(options.arguments.end(), app.begin(), app.end());
    if (!plan.arguments.empty()) {
      options.arguments.push_back("--");
      options.arguments.insert(options.arguments.end(), plan.arguments.begin(),
                               plan.arguments.end());
    }
    return Launch(std::move(options));
  }

  // As Flet itself does it, nothing of ours but the client: Python in embedded mode listens, the
  // client comes to it.
  Result<> LaunchFlet(const Plan& plan, std::vector<std::string> app, const std::string& folder,
                      int number) {
    ChildOptions python;
    python.executable = plan.python;
    python.arguments = std::move(app);
    python.arguments.insert(python.arguments.end(), plan.arguments.begin(), plan.arguments.end());
    const char* display = std::getenv("DISPLAY");
    python.environment = {{"DISPLAY", display == nullptr ? ":0" : display},
                          {"FLET_PLATFORM", "linux"}};
    std::string url = folder + "/f" + std::to_string(number);
    if (variant.transport == "uds") {
      python.environment.insert(python.environment.end(),
                                {{"FLET_SERVER_UDS_PATH", url}, {"FLET_SERVER_PORT", "0"}});
    } else {
      const std::string port = std::to_string(FreePort());
      url = "tcp://localhost:" + port;
      python.environment.emplace_back("FLET_SERVER_PORT", port);
    }
    if (Result<> launched = Launch(std::move(python)); !launched) return launched;
    ChildOptions client;
    client.executable = plan.programs + "/flet";
    client.arguments = {url, folder + "/p" + std::to_string(number)};
    client.environment = {{"FLETBRIDGE_UI", "headless"},
                          {"FLETBRIDGE_STEPS", socket_path},
                          {"FLETBRIDGE_REPORT", ""}};
    return Launch(std::move(client));
  }

  Result<> Listen() {
    listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path) {
      return MakeError(Errc::kSetup, "the path " + socket_path +
                                         " is too long for a socket; set TMPDIR to a shorter one");
    }
    std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
    if (!listener ||
        ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener.get(), 1) != 0) {
      return MakeError(Errc::kSetup,
                       "cannot listen at " + socket_path + ": " + std::strerror(errno));
    }
    return {};
  }

  Result<nlohmann::json> ReadLine(Clock::time_point deadline, const char* for_what) {
    while (true) {
      if (const std::size_t end = input.find('\n'); end != std::string::npos) {
        const std::string line = input.substr(0, end);
        input.erase(0, end + 1);
        nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
        if (json.is_discarded()) return Failure("our client said what is no JSON");
        return json;
      }
      if (Result<> ready = Wait(line_fd.get(), deadline, for_what); !ready) return ready.error();
      char buffer[65536];
      const ssize_t n = ::read(line_fd.get(), buffer, sizeof buffer);
      if (n > 0) {
        input.append(buffer, static_cast<std::size_t>(n));
      } else {
        // Wait for the process's end, which says more.
        Result<> over = Wait(-1, Clock::now() + kEndTime, for_what);
        return over ? Failure("the connection to our client was lost") : over.error();
      }
    }
  }

  Result<> Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(line_fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        Result<> over = Wait(-1, Clock::now() + kEndTime, "the next steps");
        return over ? Failure("the connection to our client was lost") : over.error();
      }
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  EventLoop& loop;
  const Variant variant;
  const int interrupt;
  std::shared_ptr<Ended> ended = std::make_shared<Ended>();
  std::vector<std::unique_ptr<Child>> children;
  std::string socket_path, output_file, report_file;
  UniqueFd output, listener, line_fd;
  std::string input;
  std::chrono::nanoseconds start_up{0};
};

Instance::Instance(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Instance>> Instance::Start(EventLoop& loop, const Plan& plan,
                                                  const Variant& variant, const std::string& folder,
                                                  int number, int interrupt) {
  // Whatever happens below, the destructor ends what was started.
  std::unique_ptr<Instance> made(new Instance(std::make_unique<Impl>(loop, variant, interrupt)));
  Impl& impl = *made->impl_;
  impl.socket_path = folder + "/s" + std::to_string(number);
  impl.report_file = folder + "/r" + std::to_string(number);
  impl.output_file = folder + "/o" + std::to_string(number);
  impl.output.reset(
      ::open(impl.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!impl.output) {
    return MakeError(Errc::kSetup,
                     "cannot write " + impl.output_file + ": " + std::strerror(errno));
  }
  if (Result<> ok = impl.Listen(); !ok) return ok.error();
  const Clock::time_point begin = Clock::now();
  if (Result<> ok = impl.LaunchAll(plan, folder, number); !ok) return ok.error();
  const Clock::time_point deadline = begin + kFirstFrameTime;
  if (Result<> ok = impl.Wait(impl.listener.get(), deadline, "its first frame"); !ok)
    return ok.error();
  impl.line_fd.reset(::accept4(impl.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Result<nlohmann::json> line = impl.ReadLine(deadline, "its first frame");
  if (!line) return line.error();
  if (!line->contains("first_frame_ns"))
    return impl.Failure("the app failed before its first frame");
  impl.start_up = std::chrono::nanoseconds((*line)["first_frame_ns"].get<std::int64_t>()) -
                  begin.time_since_epoch();
  return made;
}

Instance::~Instance() {
  impl_->line_fd.reset();
  OnLoop(impl_->loop, [this] { impl_->children.clear(); });
  ::unlink(impl_->socket_path.c_str());
  ::unlink(impl_->output_file.c_str());
  ::unlink(impl_->report_file.c_str());
}

std::string Instance::Hosting() const {
  std::ifstream in(impl_->report_file);
  const nlohmann::json report = nlohmann::json::parse(in, nullptr, false);
  if (!report.is_object() || !report.contains("used")) return {};
  const nlohmann::json& hosting = report["used"].value("hosting", nlohmann::json());
  return hosting.is_string() ? hosting.get<std::string>() : std::string();
}

std::chrono::nanoseconds Instance::start_up() const { return impl_->start_up; }

Result<std::vector<std::uint64_t>> Instance::Do(const std::string& steps,
                                                std::chrono::seconds deadline) {
  const std::string text =
      steps + "\nrun delay=" + std::to_string(impl_->variant.delay.count()) + "\n";
  if (Result<> ok = impl_->Write(text); !ok) return ok.error();
  Result<nlohmann::json> answer = impl_->ReadLine(Clock::now() + deadline, "the end of a block");
  if (!answer) return answer.error();
  if (!answer->contains("samples_ns") || (*answer)["exit"] != 0) {
    // Its end comes next, and by then what it has to say is written.
    const Result<> end = impl_->Wait(-1, Clock::now() + kEndTime, "the end of a block");
    if (!end && impl_->ended->code.load() != 1) return end.error();
    return impl_->Failure("a step failed");
  }
  return (*answer)["samples_ns"].get<std::vector<std::uint64_t>>();
}

Result<std::vector<std::string>> Instance::Clickables() {
  if (Result<> ok = impl_->Write("clickables\n"); !ok) return ok.error();
  Result<nlohmann::json> answer = impl_->ReadLine(Clock::now() + 10s, "a list of its controls");
  if (!answer) return answer.error();
  return (*answer)["clickables"].get<std::vector<std::string>>();
}

std::vector<pid_t> Instance::processes() const {
  std::vector<pid_t> roots;
  for (const std::unique_ptr<Child>& child : impl_->children) roots.push_back(child->pid());
  return FamilyOf(roots);
}

void Instance::Close() { impl_->line_fd.reset(); }

void Instance::Join() {
  // Flet's Python does not end with its client; the client is the last that was started.
  const int left = impl_->variant.kind == Variant::Kind::kFlet ? 1 : 0;
  const Clock::time_point deadline = Clock::now() + kEndTime;
  while (impl_->ended->running > left && Clock::now() < deadline) {
    pollfd fd{impl_->ended->event.get(), POLLIN, 0};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (::poll(&fd, 1, static_cast<int>(std::max<std::int64_t>(0, wait.count()))) > 0) {
      std::uint64_t count = 0;
      static_cast<void>(!::read(impl_->ended->event.get(), &count, sizeof count));
    }
  }
  OnLoop(impl_->loop, [this] { impl_->children.clear(); });
}

}  // namespace fletbridge::compare
