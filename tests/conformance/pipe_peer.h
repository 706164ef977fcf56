// Room: tests/conformance. peer.py once more, as the app of the reference transport
// (tests/unit/support/pipe_host.h): heeds the same orders and tells the same over the socket pair.
#pragma once

#include <memory>
#include <string>

#include "tests/unit/support/pipe_host.h"

namespace fletbridge::conformance {

// `side`: the app's end of the socket pair, which the caller keeps. `start`: CONFORMANCE_START.
[[nodiscard]] std::unique_ptr<PipeApp> MakePipePeer(int side, const std::string& start);

}  // namespace fletbridge::conformance
