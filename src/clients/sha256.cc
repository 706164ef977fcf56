#include "src/clients/sha256.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <vector>

#include "common/platform/unique_fd.h"

namespace fletbridge {

void Sha256::Add(std::string_view bytes) {
  ::SHA256Update(&state_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::string Sha256::Hex() {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256Final(digest.data(), &state_);
  std::string hex;
  for (const std::uint8_t byte : digest) {
    for (const int digit : {byte >> 4, byte & 0xf}) hex += "0123456789abcdef"[digit];
  }
  return hex;
}

std::string Sha256Of(std::string_view bytes) {
  Sha256 sum;
  sum.Add(bytes);
  return sum.Hex();
}

Result<std::string> Sha256OfFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<char> bytes(std::size_t{1} << 18);
  Sha256 sum;
  ssize_t n = file ? 0 : -1;
  while (file && (n = ::read(file.get(), bytes.data(), bytes.size())) > 0)
    sum.Add({bytes.data(), static_cast<std::size_t>(n)});
  if (n == 0) return sum.Hex();
  return MakeError(Errc::kSetup,
                   "cannot read " + path + ": " + std::strerror(errno) + "; check its permissions");
}

}  // namespace fletbridge
