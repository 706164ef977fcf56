// Room: tests. The other end of a stream socket, played by the test's thread with blocking calls
// that have a deadline; and pairs and listeners to get one.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "common/platform/unique_fd.h"
#include "common/transport/packet.h"
#include "common/wire/framing.h"
#include "tests/unit/support/mailbox.h"

namespace fletbridge {

inline std::string Framed(std::string_view payload, PacketType type = PacketType::kControl) {
  const FrameHeader header = MakeFrameHeader(type, payload.size());
  return std::string(reinterpret_cast<const char*>(header.data()), header.size()).append(payload);
}

class Peer {
 public:
  Peer() = default;
  explicit Peer(UniqueFd fd) : fd_(std::move(fd)) {
    const timeval at_most{kDeadline.count(), 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &at_most, sizeof at_most);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &at_most, sizeof at_most);
  }

  [[nodiscard]] bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // Writes until the socket takes no more for now; returns how many bytes it took.
  std::size_t WriteUntilFull(std::string_view bytes) {
    std::size_t written = 0;
    while (written < bytes.size()) {
      const ssize_t n = ::send(fd_.get(), bytes.data() + written, bytes.size() - written,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n <= 0) break;
      written += static_cast<std::size_t>(n);
    }
    return written;
  }
  // Exactly `size` bytes; fewer if the stream ends or the deadline passes.
  std::string Read(std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t n = ::recv(fd_.get(), bytes.data() + have, size - have, 0);
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  }
  // The next frame's payload.
  std::optional<std::string> ReadFrame() {
    const std::string header = Read(kFrameHeaderBytes);
    if (header.size() < kFrameHeaderBytes) return std::nullopt;
    std::uint32_t length = 0;
    std::memcpy(&length, header.data(),
                sizeof length);  // as the tests' machines have it: little-endian
    std::string payload = Read(length - 1);
    if (payload.size() < length - 1) return std::nullopt;
    return payload;
  }
  // True when the other side has closed; reads what it still said.
  bool SeesTheEnd() {
    char bytes[65536];
    ssize_t n = 0;
    while ((n = ::recv(fd_.get(), bytes, sizeof bytes, 0)) > 0) {
    }
    return n == 0 || errno == ECONNRESET;
  }
  void Close() { fd_.reset(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  UniqueFd fd_;
};

// Listens on 127.0.0.1 at a free port, or at a path.
class Listener {
 public:
  explicit Listener(int backlog = 16) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
    Begin(backlog);
  }
  explicit Listener(const std::string& path, int backlog = 16)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    Begin(backlog);
  }

  Peer Accept() { return Peer(UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC))); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  void Begin(int backlog) {
    EXPECT_EQ(::listen(fd_.get(), backlog), 0);
    const timeval at_most{kDeadline.count(), 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &at_most, sizeof at_most);
  }

  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

// The number of a TCP connection that has been made to `port` of this machine.
inline UniqueFd ConnectToPort(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) fd.reset();
  return fd;
}

inline UniqueFd ConnectToPath(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) fd.reset();
  return fd;
}

inline std::pair<UniqueFd, Peer> UnixPair() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), Peer(UniqueFd(fds[1]))};
}

inline std::pair<UniqueFd, Peer> TcpPair() {
  Listener listener;
  UniqueFd fd = ConnectToPort(listener.port());
  return {std::move(fd), listener.Accept()};
}

}  // namespace fletbridge
