#include "tools/web_finding.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t kPort = 8550;
constexpr std::string_view kPackage = "flet_web-";

std::string VersionIn(const fs::path& packages) {
  std::error_code error;
  for (fs::directory_iterator at(packages, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(kPackage) && name.ends_with(".dist-info"))
      return name.substr(kPackage.size(), name.rfind(".dist-info") - kPackage.size());
  }
  return {};
}

std::string PortObstacle() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(kPort);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) return {};
  return std::string(std::strerror(errno)) + "; choose another with --port";
}

}  // namespace

WebFinding LookForWeb(const Toolbox& tools, const std::string& flet_package,
                      const std::string& flet_version) {
  WebFinding finding;
  const auto variable = [&tools](std::string_view name) {
    for (const auto& [key, value] : tools.environment) {
      if (key == name) return value;
    }
    return std::string();
  };
  const fs::path packages = fs::path(flet_package).parent_path();
  const fs::path client = packages / "flet_web" / "web";
  std::error_code error;
  if (flet_package.empty()) {
    finding.client_obstacle = "there is no app's Flet beside which it could be";
  } else if (!fs::is_regular_file(client / "index.html", error)) {
    finding.client_obstacle = "not in " + packages.string() + "; pip install flet-web" +
                              (flet_version.empty() ? "" : "==" + flet_version);
  } else {
    finding.client = client.string();
    finding.version = VersionIn(packages);
    if (!finding.version.empty() && finding.version != flet_version)
      finding.version_note =
          "the app's Flet is " + flet_version + ": pip install flet-web==" + flet_version;
  }
  finding.port = kPort;
  finding.port_obstacle = PortObstacle();
  finding.has_key = !variable("FLET_SECRET_KEY").empty();
  finding.upload_dir = variable("FLET_UPLOAD_DIR");
  if (!finding.upload_dir.empty() && fs::exists(finding.upload_dir, error) &&
      ::access(finding.upload_dir.c_str(), W_OK | X_OK) != 0)
    finding.upload_obstacle = std::strerror(errno);
  return finding;
}

}  // namespace fletbridge
