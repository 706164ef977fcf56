// Room: src/dart_bridge. The text of startup.py, which the build puts into the library.
#pragma once

namespace fletbridge::dart_bridge {

extern const char* const kStartupSource;

}  // namespace fletbridge::dart_bridge
