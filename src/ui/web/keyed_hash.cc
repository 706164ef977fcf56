#include "src/ui/web/keyed_hash.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <sha2.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cause.h"
#include "common/platform/unique_fd.h"

namespace fletbridge::web {
namespace {

using Digest = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;
using Block = std::array<std::uint8_t, SHA256_BLOCK_LENGTH>;

constexpr std::size_t kLeastKey = 32;
constexpr std::size_t kMostKey = 4096;

template <class First, class Second>
Digest HashOf(const First& first, const Second& second) {
  ::SHA2_CTX state{};
  ::SHA256Init(&state);
  ::SHA256Update(&state, reinterpret_cast<const std::uint8_t*>(first.data()), first.size());
  ::SHA256Update(&state, reinterpret_cast<const std::uint8_t*>(second.data()), second.size());
  Digest digest{};
  ::SHA256Final(digest.data(), &state);
  return digest;
}

Error Refused(const std::string& path, const std::string& why) {
  return MakeError(Errc::kUsage, "cannot take the key in " + path + ": " + why);
}

}  // namespace

std::string KeyedHashBytes(std::string_view key, std::string_view text) {
  Block padded{};
  if (key.size() > padded.size()) {
    const Digest shorter = HashOf(key, std::string_view());
    std::copy(shorter.begin(), shorter.end(), padded.begin());
  } else {
    std::copy(key.begin(), key.end(), padded.begin());
  }
  Block inner = padded;
  Block outer = padded;
  for (std::uint8_t& byte : inner) byte ^= 0x36;
  for (std::uint8_t& byte : outer) byte ^= 0x5c;
  const Digest digest = HashOf(outer, HashOf(inner, text));
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string KeyedHash(std::string_view key, std::string_view text) {
  std::string hex;
  for (const char one : KeyedHashBytes(key, text)) {
    const auto byte = static_cast<unsigned char>(one);
    for (const int digit : {byte >> 4, byte & 0xf}) hex += "0123456789abcdef"[digit];
  }
  return hex;
}

Result<std::string> ReadKey(const std::string& path) {
  const std::string how = "head -c 32 /dev/urandom > KEY; chmod 600 KEY makes one";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return Refused(path, CauseAndRemedy(errno, how));
  if (!S_ISREG(status.st_mode)) return Refused(path, "it is no file; " + how);
  if ((status.st_mode & 027) != 0)  // a group may read it: so Kubernetes gives secrets to a user
    return Refused(path, "it is not for its owner alone; chmod 600 " + path);
  std::string key(kMostKey + 1, '\0');
  const ssize_t size = ::read(file.get(), key.data(), key.size());
  if (size < 0) return Refused(path, CauseAndRemedy(errno, how));
  if (static_cast<std::size_t>(size) < kLeastKey)
    return Refused(path, "it has less than 32 bytes; " + how);
  if (static_cast<std::size_t>(size) > kMostKey)
    return Refused(path, "it has more than 4096 bytes; " + how);
  key.resize(static_cast<std::size_t>(size));
  return key;
}

}  // namespace fletbridge::web
