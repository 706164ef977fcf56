// Room: tools. `fletbridge broker`: the process between an app in Flet's web-server mode and its
// UI. `fletbridge run --stage legacy` starts it, and gives it what no command line may show.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <future>
#include <netinet/in.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/config/setting_table.h"
#include "common/net/listen.h"
#include "common/process/surroundings.h"
#include "src/legacy/broker.h"
#include "tools/command_line.h"

namespace fletbridge {
namespace {

constexpr std::string_view kFooter =
    "`fletbridge run --stage legacy` starts a broker by itself. By hand, for an app that serves "
    "already:\n"
    "  FLET_FORCE_WEB_SERVER=1 python app.py &\n"
    "  fletbridge broker --app http://127.0.0.1:8000\n"
    "Flet's own desktop client of the app's version is the UI: it is given the address that the "
    "broker shows.\n"
    "The session is kept while no UI is connected; a second UI waits until the first has gone.\n";
constexpr std::array<const char*, 4> kLevels = {"error", "warning", "info", "debug"};

// "http://127.0.0.1:8000/path", on this machine.
Result<> ReadUrl(std::string_view url, legacy::BrokerOptions& options) {
  const Error wrong =
      MakeError(Errc::kUsage, "--app " + Quoted(url) +
                                  " is no address of an app on this machine; use "
                                  "http://127.0.0.1:PORT, with the page's name behind it if any");
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return wrong;
  url.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  std::string_view path = url.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  Result<SocketAddress> address = ParseSocketAddress("tcp:" + std::string(url.substr(0, slash)));
  if (!address || address->port == 0) return wrong;
  options.app = std::move(*address);
  options.app_target = std::string(path) + "/ws";
  return {};
}

// LISTENER_FD:TOKEN, from our host.
Result<> TakeFromHost(std::string_view text, legacy::BrokerOptions& options) {
  int fd = -1;
  const std::size_t colon = text.find(':');
  const std::string_view digits = text.substr(0, colon);
  std::from_chars(digits.data(), digits.data() + digits.size(), fd);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  if (colon == std::string_view::npos || fd < 3 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0 ||
      bound.sin_family != AF_INET) {
    return MakeError(Errc::kSetup,
                     std::string(legacy::kBrokerVariable) + " names no listening socket; unset it");
  }
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  options.listener.reset(fd);
  options.at.port = ntohs(bound.sin_port);
  options.token = text.substr(colon + 1);
  options.app_tree = ::getppid();
  return {};
}

}  // namespace

int BrokerCommand(const Toolbox& tools, const std::vector<std::string>& args) {
  legacy::BrokerOptions options;
  std::string app, listen = "tcp:127.0.0.1:0", max_packet = "64MiB", level = "info";
  int generation = static_cast<int>(Generation::kG3);
  std::int64_t keep = 3600;
  CLI::App command("Stands between an app in Flet's web-server mode and its UI.", "broker");
  command.formatter(HelpShape("fletbridge broker --app URL [options]"));
  command.footer(std::string(kFooter));
  command.add_option("--app", app, "Where the app serves, such as http://127.0.0.1:8000")
      ->option_text("URL")
      ->required()
      ->group("The app");
  command.add_option("--generation", generation, "The wire generation of its Flet; 3 since 0.86")
      ->option_text("1|2|3")
      ->check(CLI::IsMember({1, 2, 3}))
      ->group("The app");
  command.add_option("--listen", listen, "Where the UI connects; a free port if not given")
      ->option_text("tcp:127.0.0.1:PORT")
      ->group("The UI");
  command.add_option("--keep", keep, "How long a session is kept without a UI; 3600")
      ->option_text("SECONDS")
      ->check(CLI::Range(0, 7 * 86400))
      ->group("The UI");
  command.add_option("--max-packet", max_packet, "A larger packet is refused; 64MiB")
      ->option_text("BYTES")
      ->group("Limits");
  command.add_option("--log-level", level, "How much the broker says; info")
      ->option_text("error|warning|info|debug")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}))
      ->group("Options");
  command.set_help_flag("-h,--help", "Show this text")->group("Options");
  if (const std::optional<int> end = Parse(command, tools, args)) return *end;
  if (Result<> read = ReadUrl(app, options); !read) return PrintError(tools, read.error());
  const Result<std::uint64_t> bytes = ParseBytes(max_packet);
  if (!bytes) return PrintError(tools, bytes.error());
  options.limits.max_packet = static_cast<std::size_t>(
      std::clamp<std::uint64_t>(*bytes, 1, std::uint64_t{FlowLimits{}.max_packet} * 4));
  options.generation = static_cast<Generation>(generation);
  options.keep = std::chrono::seconds(keep);
  options.at = {SocketAddress::Kind::kTcp, {}, "127.0.0.1", 0};
  SetLogLevel(
      static_cast<LogLevel>(std::find(kLevels.begin(), kLevels.end(), level) - kLevels.begin()));
  const char* const host = std::getenv(legacy::kBrokerVariable);
  if (host != nullptr) {
    if (Result<> taken = TakeFromHost(host, options); !taken)
      return PrintError(tools, taken.error());
  } else {
    Result<SocketAddress> at = ParseSocketAddress(listen);
    if (at && at->kind != SocketAddress::Kind::kTcp)
      at = MakeError(Errc::kUsage, "--listen is for loopback TCP; use tcp:127.0.0.1:PORT");
    if (!at) return PrintError(tools, at.error());
    options.at = std::move(*at);
    Result<UniqueFd> listener = Listen(options.at);
    if (!listener) return PrintError(tools, listener.error());
    options.listener = std::move(*listener);
    options.token = legacy::NewToken();
    tools.out << "http://127.0.0.1:" << options.at.port << "/" << options.token << std::endl;
  }
  IgnoreBrokenPipes();
  std::promise<Error> failed;
  EventLoop loop;
  loop.OnFailure([](const std::string& what) {
    Log(LogLevel::kError, "the broker itself has failed: " + what);
    FlushLog();
    ::_exit(kExitFailure);
  });
  legacy::Broker broker(loop, std::move(options),
                        [&failed](const Error& why) { failed.set_value(why); });
  broker.Start();
  loop.Start();
  return PrintError(tools, failed.get_future().get());
}

}  // namespace fletbridge
