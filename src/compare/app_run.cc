#include "src/compare/app_run.h"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <fcntl.h>
#include <fstream>
#include <future>
#include <iterator>
#include <netinet/in.h>
#include <poll.h>
#include <sstream>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/platform/wake_up.h"
#include "src/compare/processes.h"

namespace fletbridge::compare {
namespace {

using namespace std::chrono_literals;

void OnLoop(EventLoop& loop, const std::function<void()>& task) {
  std::promise<void> done;
  loop.Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

int Milliseconds(AppRun::Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - AppRun::Clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

// What was said last, or the line of ours that names a failed step, which stands above the control
// tree that it shows. That the app ended is known: then its own words say more.
std::string Complaint(const std::string& file) {
  constexpr std::string_view kOurs = "fletbridge: ";
  std::ifstream in(file);
  std::string line, said, ours;
  while (std::getline(in, line)) {
    if (line.find_first_not_of(" \t\r^~") == std::string::npos) continue;
    // GTK always has some, "(flet:12): Atk-CRITICAL **: ".
    if (line.starts_with('(') && line.find(" **: ") != std::string::npos) continue;
    if (!line.starts_with(kOurs)) {
      if (ours.empty()) said = line;
    } else if (ours.empty() && !line.starts_with("fletbridge: warning")) {
      ours = line.substr(kOurs.size());
    }
  }
  const bool known = ours.starts_with("the app ended before");
  return (ours.empty() || (known && !said.empty()) ? said : ours).substr(0, 300);
}

// The last one that Python printed, with the exception's own line.
std::string Traceback(const std::string& file) {
  constexpr std::size_t kMostBytes = 8192;
  std::ifstream in(file);
  std::string line, text;
  bool inside = false;
  while (std::getline(in, line)) {
    if (line.starts_with("Traceback (most recent call last):")) {
      text.clear();
      inside = true;
    }
    if (inside && text.size() + line.size() < kMostBytes) text += line + "\n";
    if (!line.starts_with(' ') && !line.starts_with("Traceback")) inside = false;
  }
  return text;
}

}  // namespace

// The loop's thread reports here which processes have ended.
struct AppRun::Ended {
  platform::WakeUp event{platform::WakeUp::Reader::kLoop};
  std::atomic<int> running{0};
  std::atomic<int> code{0};  // of the first one that ended

  void Tell(int exit_code) {
    int none = 0;
    code.compare_exchange_strong(none, exit_code == 0 ? -1 : exit_code);
    --running;
    event.Signal();
  }
};

AppRun::AppRun(EventLoop& loop, std::string name, std::string output, int interrupt,
               std::string& traceback)
    : loop_(loop),
      name_(std::move(name)),
      output_file_(std::move(output)),
      interrupt_(interrupt),
      traceback_(traceback),
      output_(::open(output_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)),
      ended_(std::make_shared<Ended>()) {}

AppRun::~AppRun() {
  OnLoop(loop_, [this] { children_.clear(); });
  ::unlink(output_file_.c_str());
}

Result<> AppRun::Launch(ChildOptions options) {
  if (!output_) {
    return MakeError(Errc::kSetup, "cannot write " + output_file_ + "; is the disk full?");
  }
  options.output = output_.get();
  options.own_session = true;
  ++ended_->running;
  Result<std::unique_ptr<Child>> child =
      Child::Start(loop_, options, [state = ended_](int code) { state->Tell(code); });
  if (!child) {
    --ended_->running;
    return child.error();
  }
  children_.push_back(std::move(*child));
  return {};
}

Result<bool> AppRun::Readable(int fd, Clock::time_point until, const char* for_what) {
  while (true) {
    pollfd fds[] = {{fd, POLLIN, 0}, {interrupt_, POLLIN, 0}, {ended_->event.fd(), POLLIN, 0}};
    const int ready = ::poll(fds, 3, Milliseconds(until));
    if (ready < 0 && errno == EINTR) continue;
    if (fds[1].revents != 0) return MakeError(Errc::kClosed, "interrupted");
    if (fds[0].revents != 0) return true;
    if (fds[2].revents != 0) {
      return Failure("the app ended with exit code " + std::to_string(std::max(0, exit_code())) +
                     " before " + for_what);
    }
    if (ready <= 0) return false;
  }
}

Result<> AppRun::Wait(int fd, Clock::time_point deadline, const char* for_what) {
  const Result<bool> ready = Readable(fd, deadline, for_what);
  if (!ready) return ready.error();
  if (*ready) return {};
  return MakeError(Errc::kLimit, Failure(std::string("no ") + for_what + " in time").context);
}

Error AppRun::Failure(const std::string& what) const {
  const std::string said = Complaint(output_file_);
  const Errc code = said.starts_with("the app raised") ? Errc::kPeerMisbehaved : Errc::kSetup;
  if (code == Errc::kPeerMisbehaved && traceback_.empty()) traceback_ = Traceback(output_file_);
  return MakeError(code, name_ + ": " + what + (said.empty() ? "" : ": " + said));
}

int AppRun::exit_code() const { return ended_->code; }

std::vector<pid_t> AppRun::processes() const {
  std::vector<pid_t> roots;
  for (const std::unique_ptr<Child>& child : children_) roots.push_back(child->pid());
  return FamilyOf(roots);
}

void AppRun::Signal(int signal) {
  OnLoop(loop_, [&] {
    for (const std::unique_ptr<Child>& child : children_) child->Signal(signal);
  });
}

void AppRun::Join(int left) {
  if (children_.empty()) return;
  const Clock::time_point deadline = Clock::now() + kEndTime;
  while (ended_->running > left && Clock::now() < deadline) {
    pollfd fd{ended_->event.fd(), POLLIN, 0};
    if (::poll(&fd, 1, Milliseconds(deadline)) > 0) {
      ended_->event.Clear();
    }
  }
  OnLoop(loop_, [this] { children_.clear(); });
}

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

void AddApp(const Plan& plan, const std::string& page, const char* before_arguments,
            std::vector<std::string>& to) {
  std::vector<std::string> arguments = plan.arguments;
  if (!page.empty()) {
    std::istringstream words(page);
    std::string script;
    words >> script;
    to.push_back(plan.parts + "/" + script);
    arguments.assign(std::istream_iterator<std::string>(words), {});
  } else if (plan.module.empty()) {
    to.push_back(plan.app);
  } else {
    to.insert(to.end(), {"-m", plan.module});
  }
  if (arguments.empty()) return;
  if (*before_arguments != '\0') to.emplace_back(before_arguments);
  to.insert(to.end(), arguments.begin(), arguments.end());
}

ChildOptions StageCommand(const Plan& plan, const Variant& variant, const std::string& page,
                          const std::string& ui, const std::string& report,
                          const std::vector<std::string>& more) {
  ChildOptions options;
  options.executable = plan.programs + "/fletbridge";
  options.arguments = {"run",         "--ui",           ui,
                       "--quiet",     "--no-fallback",  "--stage",
                       variant.stage, "--transport",    variant.transport,
                       "--report",    report,           "--python",
                       plan.python,   "--accelerators", variant.accelerated ? "all" : "none"};
  if (!variant.hosting.empty())
    options.arguments.insert(options.arguments.end(), {"--hosting", variant.hosting});
  options.arguments.insert(options.arguments.end(), more.begin(), more.end());
  AddApp(plan, page, "--", options.arguments);
  return options;
}

ChildOptions PythonCommand(const Plan& plan, const std::string& page) {
  ChildOptions options;
  options.executable = plan.python;
  AddApp(plan, page, "", options.arguments);
  return options;
}

std::optional<std::chrono::nanoseconds> ReachedIn(const std::string& report_file,
                                                  const char* milestone) {
  std::ifstream in(report_file);
  const nlohmann::json report = nlohmann::json::parse(in, nullptr, false);
  if (!report.is_object() || !report.contains("timeline_ms") || !report["timeline_ms"].is_object())
    return std::nullopt;
  const nlohmann::json at = report["timeline_ms"].value(milestone, nlohmann::json());
  if (!at.is_number()) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(at.get<double>() * 1e6));
}

std::string HostingIn(const std::string& report_file) {
  std::ifstream in(report_file);
  const nlohmann::json report = nlohmann::json::parse(in, nullptr, false);
  if (!report.is_object() || !report.contains("used")) return {};
  const nlohmann::json& hosting = report["used"].value("hosting", nlohmann::json());
  return hosting.is_string() ? hosting.get<std::string>() : std::string();
}

}  // namespace fletbridge::compare
