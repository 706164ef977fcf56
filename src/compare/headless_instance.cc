#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/python/flet_environment.h"
#include "src/compare/app_run.h"
#include "src/compare/file_opens.h"
#include "src/compare/fresh_start.h"
#include "src/compare/instance.h"

namespace fletbridge::compare {
namespace {

using namespace std::chrono_literals;
using Clock = AppRun::Clock;

std::string WhyNotPackaged(const Plan& plan) {
  if (plan.packaged_host.empty()) return "fletbridge-packaged-host is not installed; build it";
  if (!plan.module.empty()) return "it runs scripts only; name the script in place of -m";
  return "there is no such libdart_bridge.so; name flet-dev's with FLETBRIDGE_ORIGINAL, build ours";
}

Clickable ClickableIn(const nlohmann::json& one) {
  return {one.value("finder", ""), one.value("type", ""), one.value("key", ""),
          one.value("words", std::vector<std::string>()),
          one.value("icons", std::vector<std::int64_t>())};
}

class HeadlessInstance final : public Instance {
 public:
  HeadlessInstance(const Surroundings& around, const Variant& variant, std::string page, int number)
      : variant_(variant),
        page_(std::move(page)),
        interrupt_(around.interrupt),
        socket_path_(around.folder + "/s" + std::to_string(number)),
        report_file_(around.folder + "/r" + std::to_string(number)),
        fresh_(variant.name),
        run_(around.loop, variant.name, around.folder + "/o" + std::to_string(number),
             around.interrupt, around.traceback) {}

  ~HeadlessInstance() override {
    // The run is over: what still starts is asked to end, so that it cleans up behind itself.
    pollfd over{interrupt_, POLLIN, 0};
    if (::poll(&over, 1, 0) > 0) {
      HeadlessInstance::Close();
      run_.Signal(SIGTERM);
      HeadlessInstance::Join();
    }
    ::unlink(socket_path_.c_str());
    ::unlink(report_file_.c_str());
  }

  Result<> Start(const Surroundings& around, int number) {
    if (Result<> ok = Listen(); !ok) return ok;
    const std::string& folder = around.folder;
    if (page_.empty()) {
      if (Result<> ok = fresh_.Begin(around, number); !ok) return ok;
    }
    const Plan plan = PlanOf(variant_, fresh_.Placed(around.plan));
    const FreshStart::Here here(fresh_);
    // Flet itself reports nothing about its start.
    const bool looks =
        variant_.kind == Variant::Kind::kFlet && page_.empty() && plan.module.empty();
    FileOpens opened(looks ? std::vector<std::string>{plan.app, ServerModuleOf(plan.flet_package,
                                                                               plan.python_version)}
                           : std::vector<std::string>());
    const Clock::time_point begin = Clock::now();
    if (Result<> ok = LaunchAll(plan, folder, number); !ok) return ok;
    const Clock::time_point deadline = begin + kFirstFrameTime;
    if (Result<> ok = run_.Wait(listener_.get(), deadline, "its first frame"); !ok) return ok;
    line_fd_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    Result<nlohmann::json> line = ReadLine(deadline, "its first frame");
    if (!line) return line.error();
    if (!line->contains("first_frame_ns"))
      return run_.Failure("the app failed before its first frame");
    start_up_ = std::chrono::nanoseconds((*line)["first_frame_ns"].get<std::int64_t>()) -
                begin.time_since_epoch();
    first_frame_ = std::chrono::nanoseconds((*line)["made_in_ns"].get<std::int64_t>());
    if (!looks) return {};
    const std::vector<FileOpens::Times>& times = opened.Stop();
    if (!times[0].empty()) python_ready_ = times[0].front() - begin;
    for (const Clock::time_point time : times[1]) server_opened_.push_back(time - begin);
    return {};
  }

  std::vector<std::pair<std::string, std::chrono::nanoseconds>> Phases() const override {
    if (variant_.kind == Variant::Kind::kPackaged) return {};
    // The clock of our process, which is the client alone beside Flet itself, starts later.
    const auto drawn = ReachedIn(report_file_, "first_frame");
    std::optional<std::chrono::nanoseconds> listening = ReachedIn(report_file_, "app_listening");
    if (!drawn || !listening || *drawn > start_up_) return {};
    const std::chrono::nanoseconds registered = start_up_ - first_frame_;
    const std::chrono::nanoseconds later = start_up_ - *drawn;
    *listening += later;
    if (*listening > registered) return {};
    std::optional<std::chrono::nanoseconds> python = python_ready_, imported;
    // The last one before the app listens is its own; other apps share the module.
    for (const std::chrono::nanoseconds at : server_opened_) {
      if (at <= *listening) imported = at;
    }
    if (const auto at = ReachedIn(report_file_, "python_ready")) python = *at + later;
    if (const auto at = ReachedIn(report_file_, "app_imported")) imported = *at + later;
    std::vector<std::pair<std::string, std::chrono::nanoseconds>> phases;
    if (python && imported && *python <= *imported && *imported <= *listening) {
      phases.emplace_back(kInterpreter, *python);
      phases.emplace_back(kImports, *imported - *python);
      phases.emplace_back(kListening, *listening - *imported);
    }
    phases.emplace_back(kRegistration, registered - *listening);
    phases.emplace_back(kFirstFrame, first_frame_);
    return phases;
  }

  std::chrono::nanoseconds start_up() const override { return start_up_; }
  std::chrono::nanoseconds first_frame() const override { return first_frame_; }
  Result<> Check() override {
    constexpr const char* kWhat = "the end of the measuring";
    // Nothing was asked, so what comes is the end: of the client first, which says why.
    const Result<bool> readable = run_.Readable(line_fd_.get(), Clock::now(), kWhat);
    if (!readable) return readable.error();
    if (!*readable) return {};
    const Result<> over = run_.Wait(-1, Clock::now() + kEndTime, kWhat);
    return over ? Result<>() : over.error();
  }
  std::vector<pid_t> processes() const override { return run_.processes(); }
  std::string Hosting() const override { return HostingIn(report_file_); }
  void Close() override { line_fd_.reset(); }
  // Flet's Python does not end with its client; the client is the last that was started.
  void Join() override { run_.Join(variant_.kind == Variant::Kind::kFlet ? 1 : 0); }

  Result<std::vector<std::uint64_t>> Do(const std::string& steps, std::chrono::nanoseconds time,
                                        DoOptions how) override {
    const std::string text = steps + "\nrun delay=" + std::to_string(variant_.delay.count()) +
                             (how.names ? " names" : "") + (how.all_answer ? " all-answer" : "") +
                             "\n";
    if (Result<> ok = Write(text); !ok) return ok.error();
    Result<nlohmann::json> answer = ReadLine(Clock::now() + time, "the end of a block");
    if (!answer) return answer.error();
    if (!answer->contains("samples_ns") || (*answer)["exit"] != 0) {
      // Its end comes next, and by then what it has to say is written.
      const Result<> end = run_.Wait(-1, Clock::now() + kEndTime, "the end of a block");
      if (!end && run_.exit_code() != 1) return end.error();
      return run_.Failure("a step failed");
    }
    disturbance_.between = answer->value("between", std::size_t{0});
    disturbance_.unclear = answer->value("unclear", std::size_t{0});
    disturbance_.restless = answer->value("restless", std::vector<std::string>());
    disturbance_.unanswered = answer->value("unanswered", std::string());
    disturbance_.of = answer->value("of", std::vector<std::uint32_t>());
    disturbance_.inputs.clear();
    for (const nlohmann::json& one : answer->value("inputs", nlohmann::json::array())) {
      disturbance_.inputs.push_back({one.value("of", std::uint32_t{0}), one.value("name", ""),
                                     one.value("line", 0), ClickableIn(one)});
    }
    return (*answer)["samples_ns"].get<std::vector<std::uint64_t>>();
  }

  const Disturbance& disturbance() const override { return disturbance_; }

  Result<std::uint64_t> Read(const std::string& finder) override {
    if (Result<> ok = Write("read " + finder + "\n"); !ok) return ok.error();
    Result<nlohmann::json> answer = ReadLine(Clock::now() + 10s, "a text");
    if (!answer) return answer.error();
    const nlohmann::json text = answer->value("read", nlohmann::json());
    const std::string digits = text.is_string() ? text.get<std::string>() : "";
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size())
      return run_.Failure("there is no number at " + finder);
    return number;
  }

  Result<std::vector<Clickable>> Clickables(const std::string& finder) override {
    if (Result<> ok = Write("clickables" + (finder.empty() ? "" : " " + finder) + "\n"); !ok)
      return ok.error();
    Result<nlohmann::json> answer = ReadLine(Clock::now() + 10s, "a list of its controls");
    if (!answer) return answer.error();
    std::vector<Clickable> all;
    for (const nlohmann::json& one : (*answer)["clickables"]) all.push_back(ClickableIn(one));
    return all;
  }

 private:
  Result<> LaunchAll(const Plan& plan, const std::string& folder, int number) {
    switch (variant_.kind) {
      case Variant::Kind::kStage:
        break;
      case Variant::Kind::kFlet:
        return LaunchFlet(plan, folder, number);
      case Variant::Kind::kPackaged: {
        const std::string& library = variant_.stage == "bridge" ? plan.bridge : plan.original;
        if (plan.packaged_host.empty() || library.empty() ||
            (page_.empty() && !plan.module.empty()))
          return MakeError(Errc::kSetup, variant_.name + ": " + WhyNotPackaged(plan));
        ChildOptions options;
        options.executable = plan.packaged_host;
        options.arguments = {"--library", library,     "--label",       variant_.stage,
                             "--python",  plan.python, "--python-home", plan.python_home,
                             "--steps",   socket_path_};
        AddApp(plan, page_, "--", options.arguments);
        fresh_.AddTo(options);
        return run_.Launch(std::move(options));
      }
    }
    ChildOptions options =
        StageCommand(plan, variant_, page_, "headless", report_file_, {"--steps", socket_path_});
    fresh_.AddTo(options);
    return run_.Launch(std::move(options));
  }

  // As Flet itself does it, nothing of ours but the client: Python in embedded mode listens, the
  // client comes to it.
  Result<> LaunchFlet(const Plan& plan, const std::string& folder, int number) {
    ChildOptions python = PythonCommand(plan, page_);
    const char* display = std::getenv("DISPLAY");
    python.environment = {{"DISPLAY", display == nullptr ? ":0" : display},
                          {"FLET_PLATFORM", "linux"}};
    fresh_.AddTo(python);
    std::string url = folder + "/f" + std::to_string(number);
    if (variant_.transport == "uds") {
      python.environment.insert(python.environment.end(),
                                {{"FLET_SERVER_UDS_PATH", url}, {"FLET_SERVER_PORT", "0"}});
    } else {
      const std::string port = std::to_string(FreePort());
      url = "tcp://localhost:" + port;
      python.environment.emplace_back("FLET_SERVER_PORT", port);
    }
    if (Result<> launched = run_.Launch(std::move(python)); !launched) return launched;
    ChildOptions client;
    client.executable = plan.programs + "/flet";
    client.arguments = {url, folder + "/p" + std::to_string(number)};
    client.environment = {{"FLETBRIDGE_UI", "headless"},
                          {"FLETBRIDGE_STEPS", socket_path_},
                          {"FLETBRIDGE_REPORT", report_file_},
                          {kFletVersionVariable, plan.flet}};
    return run_.Launch(std::move(client));
  }

  Result<> Listen() {
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path_.size() >= sizeof address.sun_path) {
      return MakeError(Errc::kSetup, "the path " + socket_path_ +
                                         " is too long for a socket; set TMPDIR to a shorter one");
    }
    std::memcpy(address.sun_path, socket_path_.c_str(), socket_path_.size() + 1);
    if (!listener_ ||
        ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 1) != 0) {
      return MakeError(Errc::kSetup,
                       "cannot listen at " + socket_path_ + ": " + std::strerror(errno));
    }
    return {};
  }

  Result<nlohmann::json> ReadLine(Clock::time_point deadline, const char* for_what) {
    while (true) {
      if (const std::size_t end = input_.find('\n'); end != std::string::npos) {
        const std::string line = input_.substr(0, end);
        input_.erase(0, end + 1);
        nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
        if (json.is_discarded()) return run_.Failure("our client said what is no JSON");
        return json;
      }
      if (Result<> ready = run_.Wait(line_fd_.get(), deadline, for_what); !ready)
        return ready.error();
      char buffer[65536];
      const ssize_t n = ::read(line_fd_.get(), buffer, sizeof buffer);
      if (n > 0) {
        input_.append(buffer, static_cast<std::size_t>(n));
      } else {
        // Wait for the process's end, which says more.
        Result<> over = run_.Wait(-1, Clock::now() + kEndTime, for_what);
        return over ? run_.Failure("the connection to our client was lost") : over.error();
      }
    }
  }

  Result<> Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(line_fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        Result<> over = run_.Wait(-1, Clock::now() + kEndTime, "the next steps");
        return over ? run_.Failure("the connection to our client was lost") : over.error();
      }
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  const Variant variant_;
  const std::string page_;
  const int interrupt_;
  const std::string socket_path_, report_file_;
  UniqueFd listener_;
  FreshStart fresh_;  // goes after the processes
  AppRun run_;
  UniqueFd line_fd_;  // goes before the processes, which then end by themselves
  std::string input_;
  Disturbance disturbance_;
  std::chrono::nanoseconds start_up_{0}, first_frame_{0};
  // Of Flet itself.
  std::optional<std::chrono::nanoseconds> python_ready_;
  std::vector<std::chrono::nanoseconds> server_opened_;
};

class Headless final : public Starter {
 public:
  explicit Headless(Surroundings around) : around_(std::move(around)) {}

  Result<std::unique_ptr<Instance>> Start(const Variant& variant,
                                          const std::string& page) override {
    const int number = ++started_;
    auto instance = std::make_unique<HeadlessInstance>(around_, variant, page, number);
    // Whatever happens, the destructor ends what was started.
    if (Result<> ok = instance->Start(around_, number); !ok) return ok.error();
    return std::unique_ptr<Instance>(std::move(instance));
  }

 private:
  const Surroundings around_;
  int started_ = 0;
};

}  // namespace

std::unique_ptr<Starter> HeadlessStarter(Surroundings around) {
  return std::make_unique<Headless>(std::move(around));
}

}  // namespace fletbridge::compare
