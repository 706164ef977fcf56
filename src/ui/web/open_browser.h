// Room: src/ui/web. Shows an address in the person's own browser: $BROWSER, or xdg-open.
//
// Threads: any; returns once that program runs.
#pragma once

#include <string>

#include "common/process/runtime_dir.h"

namespace fletbridge::web {

// Nothing happens where there is no display or no such program: the address is printed anyway. An
// address with a secret goes by a file in a private folder, which must live while the browser reads
// it, since everybody sees a program's arguments.
[[nodiscard]] RuntimeDir OpenBrowser(const std::string& url, bool has_secret);

}  // namespace fletbridge::web
