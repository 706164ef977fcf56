#include "common/platform/peer.h"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/platform/linux/tcp_tables.h"
#include "common/platform/unique_fd.h"

namespace fletbridge::platform {
namespace {

using boost::system::result;

boost::system::error_code SystemError(int number) {
  return {number, boost::system::system_category()};
}

// A bool could be made of an error_code as well.
result<bool> Unknown(boost::system::error_code why) { return {boost::system::in_place_error, why}; }

bool IsShortOfDescriptors(int number) { return number == EMFILE || number == ENFILE; }

constexpr std::array kTables{"/proc/net/tcp", "/proc/net/tcp6"};
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

TcpEnd End(bool v6, const void* address, std::uint16_t port) {
  TcpEnd end;
  end.port = port;
  const auto* bytes = static_cast<const std::uint8_t*>(address);
  end.v6 = v6 && !std::equal(kMapped.begin(), kMapped.end(), bytes);
  const std::size_t skipped = v6 && !end.v6 ? kMapped.size() : 0;
  std::copy_n(bytes + skipped, end.v6 ? 16 : 4, end.address.begin());
  return end;
}

struct Diagnosis {
  bool answered = false;
  std::optional<inet_diag_msg> found;
};

// That the kernel can be asked is known once it has answered: its "no such socket" is also its "no
// such module".
std::atomic<bool> g_can_ask{false};

// What the kernel would give a packet from `remote` to `local` to: the connection, else a listener.
Diagnosis Ask(const TcpEnd& local, const TcpEnd& remote) {
  const UniqueFd fd(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  struct {
    nlmsghdr header;
    inet_diag_req_v2 body;
  } question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.body.sdiag_family = local.v6 ? AF_INET6 : AF_INET;
  question.body.sdiag_protocol = IPPROTO_TCP;
  question.body.idiag_states = ~0U;
  question.body.id.idiag_sport = htons(local.port);
  question.body.id.idiag_dport = htons(remote.port);
  std::memcpy(question.body.id.idiag_src, local.address.data(), local.address.size());
  std::memcpy(question.body.id.idiag_dst, remote.address.data(), remote.address.size());
  question.body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  question.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (!fd || ::send(fd.get(), &question, sizeof question, MSG_NOSIGNAL) != sizeof question) {
    return {};
  }
  alignas(nlmsghdr) char answer[4096];  // it is there when send() returns
  const ssize_t size = ::recv(fd.get(), answer, sizeof answer, 0);
  nlmsghdr header{};
  if (size < static_cast<ssize_t>(sizeof header)) return {};
  std::memcpy(&header, answer, sizeof header);
  if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
      size >= static_cast<ssize_t>(NLMSG_HDRLEN + sizeof(inet_diag_msg))) {
    g_can_ask.store(true);
    Diagnosis told{true, inet_diag_msg{}};
    std::memcpy(&*told.found, answer + NLMSG_HDRLEN, sizeof(inet_diag_msg));
    return told;
  }
  nlmsgerr error{};
  if (header.nlmsg_type != NLMSG_ERROR ||
      size < static_cast<ssize_t>(NLMSG_HDRLEN + sizeof error)) {
    return {};
  }
  std::memcpy(&error, answer + NLMSG_HDRLEN, sizeof error);
  return {error.error == -ENOENT && g_can_ask.load(), {}};
}

TcpEnd LocalOf(const inet_diag_msg& told) {
  return End(told.idiag_family == AF_INET6, told.id.idiag_src, ntohs(told.id.idiag_sport));
}
TcpEnd RemoteOf(const inet_diag_msg& told) {
  return End(told.idiag_family == AF_INET6, told.id.idiag_dst, ntohs(told.id.idiag_dport));
}
TcpOwner OwnerIn(const inet_diag_msg& told) {
  return {told.idiag_uid, told.idiag_inode, told.idiag_state};
}

// "0100007F:1F90": as /proc/net/tcp prints it, and as tcp6 does.
std::string TableName(const TcpEnd& end, bool in_tcp6) {
  std::array<std::uint8_t, 16> bytes = end.address;
  if (in_tcp6 && !end.v6) {
    std::copy_n(end.address.begin(), 4, bytes.begin() + 12);
    std::copy(kMapped.begin(), kMapped.end(), bytes.begin());
  }
  std::string name;
  for (std::size_t at = 0; at < (in_tcp6 ? 16U : 4U); at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    char text[16];
    std::snprintf(text, sizeof text, "%08X", word);
    name += text;
  }
  char port[16];
  std::snprintf(port, sizeof port, ":%04X", end.port);
  return name + port;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// The line with `ends`, "LOCAL REMOTE" or "LOCAL ", and in this state if that is not 0.
result<std::optional<TcpOwner>> Look(const char* table, const std::string& ends, unsigned state) {
  const std::unique_ptr<std::FILE, CloseFile> in(std::fopen(table, "re"));
  if (!in && IsShortOfDescriptors(errno)) {
    return SystemError(errno);
  }
  std::array<char, 512> line;  // of 150 characters
  while (in && std::fgets(line.data(), line.size(), in.get()) != nullptr) {
    const char* at = std::strstr(line.data(), (' ' + ends).c_str());
    if (at == nullptr) continue;
    TcpOwner owner;
    // "ADDRESS:PORT ADDRESS:PORT STATE QUEUES TIMER RETRIES UID TIMEOUT INODE ..."
    constexpr int kFields = 3;
    if (std::sscanf(at, "%*s %*s %x %*s %*s %*s %u %*s %" SCNu64, &owner.state, &owner.uid,
                    &owner.inode) == kFields &&
        (state == 0 || owner.state == state))
      return std::optional(owner);
  }
  return std::nullopt;
}

// Of these an error is that there is no descriptor for the look. Everything else that fails is a
// process that is gone or not ours.

result<bool> HoldsSocket(pid_t pid, const std::string& inode) {
  const std::string wanted = "socket:[" + inode + "]";
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/" + std::to_string(pid) + "/fd", error);
  if (IsShortOfDescriptors(error.value())) return Unknown(SystemError(error.value()));
  // It may end while we look: then that is the end of its files.
  for (; files != std::filesystem::directory_iterator(); files.increment(error)) {
    if (std::filesystem::read_symlink(files->path(), error) == wanted) return true;
  }
  return false;
}

result<pid_t> ParentOf(pid_t pid) {
  const UniqueFd in(
      ::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!in && IsShortOfDescriptors(errno)) return SystemError(errno);
  std::array<char, 1024> text{};
  if (!in || ::read(in.get(), text.data(), text.size() - 1) <= 0) return pid_t{0};
  const char* name_end = std::strrchr(text.data(), ')');  // the name may contain anything
  pid_t parent = 0;
  if (name_end == nullptr || std::sscanf(name_end + 1, " %*c %d", &parent) != 1) return pid_t{0};
  return parent;
}

}  // namespace

result<UnixPeer> PeerOf(int unix_socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(unix_socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return SystemError(errno);
  return UnixPeer{peer.uid, peer.pid};
}

UniqueFd WatchForPeerEnd(int socket) {
  epoll_event wanted{};
  wanted.events = EPOLLRDHUP;
  UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
  if (fd && ::epoll_ctl(fd.get(), EPOLL_CTL_ADD, socket, &wanted) != 0) fd.reset();
  return fd;
}

TcpEnd TcpEndOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return End(false, &v4.sin_addr, ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  return End(true, &v6.sin6_addr, ntohs(v6.sin6_port));
}

result<std::optional<TcpOwner>> OwnerOfConnection(const TcpEnd& local, const TcpEnd& remote) {
  const Diagnosis told = Ask(local, remote);
  if (!told.answered) return ConnectionInTables(local, remote);
  // A listener, if that is what it is, does not speak for a connection that is not there.
  if (!told.found || told.found->idiag_state == TCP_LISTEN || LocalOf(*told.found) != local ||
      RemoteOf(*told.found) != remote) {
    return std::nullopt;
  }
  return std::optional(OwnerIn(*told.found));
}

result<std::optional<TcpOwner>> OwnerOfListener(const TcpEnd& local) {
  const TcpEnd anybody{local.v6, {}, 0};
  const Diagnosis told = Ask(local, anybody);
  if (!told.answered) return ListenerInTables(local);
  if (!told.found || told.found->idiag_state != TCP_LISTEN) return std::nullopt;
  return std::optional(OwnerIn(*told.found));
}

result<std::optional<TcpOwner>> ConnectionInTables(const TcpEnd& local, const TcpEnd& remote) {
  for (const bool v6 : {false, true}) {
    if (!v6 && local.v6) continue;
    const std::string ends = TableName(local, v6) + ' ' + TableName(remote, v6) + ' ';
    if (auto owner = Look(kTables[v6], ends, 0); !owner || *owner) return owner;
  }
  return std::nullopt;
}

result<std::optional<TcpOwner>> ListenerInTables(const TcpEnd& local) {
  for (const bool v6 : {false, true}) {
    if (!v6 && local.v6) continue;
    for (const TcpEnd& end : {local, TcpEnd{v6, {}, local.port}}) {
      auto owner = Look(kTables[v6], TableName(end, v6) + ' ', TCP_LISTEN);
      if (!owner || *owner) return owner;
    }
  }
  return std::nullopt;
}

result<pid_t> HolderInProcessTree(pid_t root, std::uint64_t socket) {
  const std::string inode = std::to_string(socket);
  const auto holder = [&inode](pid_t pid) -> result<pid_t> {
    const result<bool> holds = HoldsSocket(pid, inode);
    if (!holds) return Unknown(holds.error());
    return *holds ? pid : pid_t{0};
  };
  if (result<pid_t> held = holder(root); !held || *held != 0) return held;
  std::error_code error;
  std::filesystem::directory_iterator processes("/proc", error);
  if (IsShortOfDescriptors(error.value())) return Unknown(SystemError(error.value()));
  for (const auto& entry : processes) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr !=
        name.data() + name.size()) {
      continue;
    }
    pid_t ancestor = pid;
    while (ancestor > 1 && ancestor != root) {
      const result<pid_t> parent = ParentOf(ancestor);
      if (!parent) return Unknown(parent.error());
      ancestor = *parent;
    }
    if (ancestor != root) continue;
    if (result<pid_t> held = holder(pid); !held || *held != 0) return held;
  }
  return pid_t{0};
}

}  // namespace fletbridge::platform
