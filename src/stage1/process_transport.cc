#include "src/stage1/process_transport.h"

#include <future>
#include <signal.h>
#include <unistd.h>
#include <vector>

#include "common/app/socket_app.h"
#include "common/base/log.h"
#include "common/process/child.h"
#include "common/python/hosting.h"

namespace fletbridge::stage1 {
namespace {

class ProcessTransport final : public SocketApp {
 public:
  ProcessTransport(EventLoop& loop, AppSpec spec, AppSocket socket)
      : SocketApp(loop, std::move(spec), std::move(socket)) {}

  Capabilities capabilities() const override {
    return {"1", kind() == SocketAddress::Kind::kUnix ? "uds" : "tcp", false, spec().sessions};
  }
  std::vector<ProcessInfo> processes() const override {
    std::vector<ProcessInfo> result{{"host", ::getpid()}};
    if (child_) result.push_back({"app", child_->pid()});
    return result;
  }

  void Start(AppSink& sink) override {
    Environment environment;
    std::string shim = ShimFolder();
    if (shim.find(':') != std::string::npos) {  // PYTHONPATH would split it
      const std::string link = folder().File("shim");
      if (::symlink(shim.c_str(), link.c_str()) != 0) {
        Log(LogLevel::kWarning,
            "cannot link the shim into " + folder().path() + "; the app's clean-up will not run");
      }
      shim = link;
    }
    PointToShim(shim, environment);
    std::vector<UniqueFd> inherited;
    const Environment of_app = TakeEnvironment(inherited, true);
    environment.insert(environment.end(), of_app.begin(), of_app.end());
    SetSink(sink);
    Result<std::unique_ptr<Child>> child =
        Child::Start(loop(), {spec().python, spec().arguments, std::move(environment)},
                     [this](int code) { OnExit(code); });
    if (!child) {
      loop().Post([this, why = child.error()] {
        Fail(why);
        exited_.set_value(70);
      });
      return;
    }
    child_ = std::move(*child);
    loop().Post([this] { Begin(); });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    return at_end(exited_.get_future().get());
  }

  void Interrupt() override { Deliver(SIGTERM); }
  void Kill() override { Deliver(SIGKILL); }

 private:
  Result<> Verify(int fd) override {
    if (kind() == SocketAddress::Kind::kTcp) return CheckTcpPeer(fd, child_->pid());
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }

  void Deliver(int signal) override {
    if (child_) child_->Signal(signal);
  }

  void OnExit(int code) {
    End(code, [this, code] { exited_.set_value(code); });
  }

  std::promise<int> exited_;
  std::unique_ptr<Child> child_;  // set in Start(), before the loop uses it
};

}  // namespace

Result<std::unique_ptr<AppHost>> MakeProcessTransport(EventLoop& loop, AppSpec spec,
                                                      SocketAddress::Kind kind) {
  Result<AppSocket> socket = MakeAppSocket(spec, kind, true);
  if (!socket) return socket.error();
  return std::unique_ptr<AppHost>(
      std::make_unique<ProcessTransport>(loop, std::move(spec), std::move(*socket)));
}

}  // namespace fletbridge::stage1
