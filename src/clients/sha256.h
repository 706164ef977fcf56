// Room: src/clients. SHA-256, for clients on the disk: by what is in them they are kept and known
// again. By libmd, which is inside of our programs. A value; not for two threads.
#pragma once

#include <sha2.h>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace fletbridge {

class Sha256 {
 public:
  Sha256() { ::SHA256Init(&state_); }
  void Add(std::string_view bytes);
  // The digest in lower-case hex. Call once, last.
  [[nodiscard]] std::string Hex();

 private:
  ::SHA2_CTX state_{};
};

[[nodiscard]] std::string Sha256Of(std::string_view bytes);
// Reads the whole file.
[[nodiscard]] Result<std::string> Sha256OfFile(const std::string& path);

}  // namespace fletbridge
