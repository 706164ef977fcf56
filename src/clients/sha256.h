// Room: src/clients. SHA-256 (FIPS 180-4), for clients on the disk: by what is in them they are
// kept and known again. A value; not for two threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace fletbridge {

class Sha256 {
 public:
  void Add(std::string_view bytes);
  // The digest in lower-case hex. Call once, last.
  [[nodiscard]] std::string Hex();

 private:
  void AddBlock(const unsigned char* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> block_{};
  std::size_t used_ = 0;  // of block_
  std::uint64_t bytes_ = 0;
};

[[nodiscard]] std::string Sha256Of(std::string_view bytes);
// Reads the whole file.
[[nodiscard]] Result<std::string> Sha256OfFile(const std::string& path);

}  // namespace fletbridge
