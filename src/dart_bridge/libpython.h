// Room: src/dart_bridge. Finds the libpython that belongs to the process or the app's bundle.
#pragma once

#include "common/base/error.h"

namespace fletbridge::dart_bridge {

// Fills Py() (common/python/api.h), once; later calls do nothing. What is found is opened with
// global scope, whatever scope it had: most extension modules do not link libpython themselves. Any
// thread.
//
// In this order: FLETBRIDGE_LIBPYTHON; what the process has; libpython3.*.so beside this library;
// the system's, the version of PYTHONHOME first, else the newest.
[[nodiscard]] Result<> FindPython();

// Py() is filled. Never waits.
[[nodiscard]] bool HasPython() noexcept;

}  // namespace fletbridge::dart_bridge
