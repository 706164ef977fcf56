#include "src/stage2/hosted_socket_transport.h"

#include <unistd.h>

#include "common/app/socket_app.h"
#include "common/python/hosted_app.h"

namespace fletbridge::stage2 {
namespace {

class HostedSocketTransport final : public SocketApp {
 public:
  HostedSocketTransport(EventLoop& loop, AppSpec spec, std::string libpython, AppSocket socket)
      : SocketApp(loop, std::move(spec), std::move(socket)),
        app_(loop, Hosted(std::move(libpython)),
             [this](int signal, bool handled) { this->sink().OnSignal(signal, handled); }) {}

  Capabilities capabilities() const override {
    return {"2", kind() == SocketAddress::Kind::kUnix ? "uds" : "tcp", true, spec().sessions};
  }
  std::vector<ProcessInfo> processes() const override { return {{"host", ::getpid()}}; }

  void Start(AppSink& sink) override {
    SetSink(sink);
    loop().Post([this] { Begin(); });
  }

  int RunOnMainThread(std::function<int(int)> at_end) override {
    return app_.Run([this](int code, std::function<void()> done) { End(code, std::move(done)); },
                    std::move(at_end));
  }

  void Interrupt() override { app_.Interrupt(); }
  void Kill() override {
    Leave();  // else ending waits for the app's last packets, on this very thread
    app_.Kill();
  }

 private:
  HostedOptions Hosted(std::string libpython) {
    HostedOptions options;
    options.libpython = std::move(libpython);
    options.python = spec().python;
    options.arguments = spec().arguments;
    std::vector<UniqueFd> given;
    options.environment = TakeEnvironment(given, false);
    for (UniqueFd& fd : given) (void)fd.release();  // owned by the shim, in this process
    return options;
  }

  Result<> Verify(int fd) override {
    if (kind() == SocketAddress::Kind::kTcp) return CheckTcpPeer(fd, ::getpid());
    if (Result<pid_t> peer = CheckUnixPeer(fd); !peer) return peer.error();
    return {};
  }

  void Deliver(int signal) override { SignalHosted(signal); }

  HostedApp app_;
};

}  // namespace

Result<std::unique_ptr<AppHost>> MakeHostedSocketTransport(EventLoop& loop, AppSpec spec,
                                                           std::string libpython,
                                                           SocketAddress::Kind kind) {
  Result<AppSocket> socket = MakeAppSocket(spec, kind, false);
  if (!socket) return socket.error();
  return std::unique_ptr<AppHost>(std::make_unique<HostedSocketTransport>(
      loop, std::move(spec), std::move(libpython), std::move(*socket)));
}

}  // namespace fletbridge::stage2
