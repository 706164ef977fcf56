#include "common/net/address.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

namespace fletbridge {
namespace {

Error SystemError(int value, std::string context) {
  return Error{{value, boost::system::system_category()}, std::move(context)};
}

Result<UniqueFd> ConnectUnix(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return SystemError(errno, {});
  }
  return fd;
}

Result<UniqueFd> ConnectTcp(const sockaddr* to, socklen_t size) {
  // Blocking until connected: on the loopback the kernel answers within the call.
  UniqueFd fd(::socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), to, size) != 0) return SystemError(errno, {});
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return fd;
}

struct TcpRow {  // one line of /proc/net/tcp
  std::string local;
  std::string remote;
  std::string state;
  uid_t uid = 0;
  std::string inode;
};

std::vector<TcpRow> ReadTcpTable(const char* file) {
  std::vector<TcpRow> rows;
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    TcpRow row;
    std::string skipped;
    unsigned long uid = 0;
    std::istringstream fields(line);
    fields >> skipped >> row.local >> row.remote >> row.state >> skipped >> skipped >> skipped >>
        uid >> skipped >> row.inode;
    row.uid = static_cast<uid_t>(uid);
    rows.push_back(std::move(row));
  }
  return rows;
}

bool HoldsSocket(pid_t pid, const std::string& inode) {
  const std::string wanted = "socket:[" + inode + "]";
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    if (std::filesystem::read_symlink(entry.path(), error) == wanted) return true;
  }
  return false;
}

pid_t ParentOf(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(in, text);
  const std::size_t name_end = text.rfind(')');  // the name may contain anything
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  char state = 0;
  pid_t parent = 0;
  fields >> state >> parent;
  return parent;
}

bool HeldByProcessTree(pid_t root, const std::string& inode) {
  if (HoldsSocket(root, inode)) return true;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr !=
        name.data() + name.size()) {
      continue;
    }
    pid_t ancestor = pid;
    while (ancestor > 1 && ancestor != root) ancestor = ParentOf(ancestor);
    if (ancestor == root && HoldsSocket(pid, inode)) return true;
  }
  return false;
}

// "0100007F:1F90": address and port as /proc/net/tcp prints them.
std::string TableName(const sockaddr_storage& address) {
  char text[64];
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::snprintf(text, sizeof text, "%08X:%04X", v4.sin_addr.s_addr, ntohs(v4.sin_port));
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::uint32_t word[4];
    std::memcpy(word, &v6.sin6_addr, sizeof word);
    std::snprintf(text, sizeof text, "%08X%08X%08X%08X:%04X", word[0], word[1], word[2], word[3],
                  ntohs(v6.sin6_port));
  }
  return text;
}

}  // namespace

std::string SocketAddress::Text() const {
  return kind == Kind::kUnix ? "unix:" + path : "tcp:" + host + ":" + std::to_string(port);
}

Result<SocketAddress> ParseSocketAddress(std::string_view text) {
  SocketAddress address;
  if (text.starts_with("unix:")) {
    address.path = text.substr(5);
    if (address.path.empty())
      return MakeError(Errc::kUsage, "unix: needs a path, such as unix:/tmp/app.sock");
    if (address.path.size() > kMaxSocketPath) {
      return MakeError(Errc::kUsage, "the socket path " + address.path + " has " +
                                         std::to_string(address.path.size()) + " bytes, limit " +
                                         std::to_string(kMaxSocketPath) + "; use a shorter one");
    }
    return address;
  }
  if (text.starts_with("tcp:")) {
    const std::string_view rest = text.substr(4);
    const std::size_t colon = rest.rfind(':');
    unsigned port = 70000;
    if (colon != std::string_view::npos) {
      const std::string_view digits = rest.substr(colon + 1);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
      if (error != std::errc{} || end != digits.data() + digits.size()) port = 70000;
    }
    if (port > 65535) {
      return MakeError(Errc::kUsage,
                       "no port in \"" + std::string(text) + "\"; write tcp:127.0.0.1:8550");
    }
    address.kind = SocketAddress::Kind::kTcp;
    address.host = rest.substr(0, colon);
    address.port = static_cast<std::uint16_t>(port);
    if (address.host != "127.0.0.1" && address.host != "localhost" && address.host != "::1" &&
        address.host != "[::1]") {
      return MakeError(Errc::kUsage,
                       "the host \"" + address.host +
                           "\" is not this machine; use 127.0.0.1 and a tunnel of your own");
    }
    return address;
  }
  return MakeError(Errc::kUsage, "cannot read the address \"" + std::string(text) +
                                     "\"; write unix:PATH or tcp:HOST:PORT");
}

Result<std::uint16_t> FreeTcpPort() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof any;
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&any), &size) != 0) {
    return SystemError(errno,
                       std::string("no free TCP port on 127.0.0.1: ") + std::strerror(errno));
  }
  return ntohs(any.sin_port);
}

Result<UniqueFd> TryConnect(const SocketAddress& address) {
  if (address.kind == SocketAddress::Kind::kUnix) return ConnectUnix(address.path);
  if (address.host != "::1" && address.host != "[::1]") {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Result<UniqueFd> fd = ConnectTcp(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    if (fd || address.host == "127.0.0.1") return fd;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  v6.sin6_addr = in6addr_loopback;
  return ConnectTcp(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

Result<pid_t> CheckUnixPeer(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return SystemError(errno, "cannot tell who is at the other end of the socket");
  }
  if (peer.uid != ::geteuid()) {
    return MakeError(Errc::kUntrusted, "the other end of the socket runs as user " +
                                           std::to_string(peer.uid) + ", not as " +
                                           std::to_string(::geteuid()) + ": refused");
  }
  return peer.pid;
}

Result<> CheckTcpPeer(int fd, pid_t process) {
  sockaddr_storage ours{};
  sockaddr_storage theirs{};
  socklen_t ours_size = sizeof ours;
  socklen_t theirs_size = sizeof theirs;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&ours), &ours_size) != 0 ||
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&theirs), &theirs_size) != 0) {
    return SystemError(errno, "cannot tell who is at the other end of the TCP connection");
  }
  const std::string our_name = TableName(ours);
  const std::string their_name = TableName(theirs);
  const std::string port = their_name.substr(their_name.find(':'));
  const std::vector<TcpRow> rows =
      ReadTcpTable(ours.ss_family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6");
  std::optional<TcpRow> listening;
  std::optional<TcpRow> peer;
  for (const TcpRow& row : rows) {
    if (row.local == their_name && row.remote == our_name) peer = row;
    if (row.state == "0A" && row.local.ends_with(port)) listening = row;
  }
  // The connection may still wait to be accepted, and then has no owner in the table: the listening
  // socket speaks for it.
  const std::optional<TcpRow>& owner = peer && peer->inode != "0" ? peer : listening;
  if (!owner)
    return MakeError(Errc::kUntrusted, "cannot tell who holds the other end of the TCP connection");
  if (owner->uid != ::geteuid()) {
    return MakeError(Errc::kUntrusted, "the TCP port is held by user " +
                                           std::to_string(owner->uid) + ", not by " +
                                           std::to_string(::geteuid()) + ": refused");
  }
  if (process != 0 && !HeldByProcessTree(process, owner->inode)) {
    return MakeError(Errc::kUntrusted,
                     "the TCP port is held by a process that we did not start: refused");
  }
  return {};
}

}  // namespace fletbridge
