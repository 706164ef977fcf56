// Room: common/site. Compresses a file's bytes for browsers (RFC 1952).
//
// A pure function; any thread. Takes about a second for 10 MB.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fletbridge::web {

[[nodiscard]] std::string Gzip(std::string_view bytes);

}  // namespace fletbridge::web
