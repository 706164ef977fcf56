// Room: src/ui/web. A request's query, as browsers and Python write it
// (application/x-www-form-urlencoded). Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

namespace fletbridge::web {

// Decoded; of several the last, as Flet's server has it. Empty if there is none.
[[nodiscard]] std::string QueryValue(std::string_view query, std::string_view name);
// As Python's quote_plus() encodes it.
[[nodiscard]] std::string QueryEncoded(std::string_view text);

}  // namespace fletbridge::web
