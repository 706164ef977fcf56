// Room: common/platform. Dynamic libraries of this process. Free functions; any thread. What they
// open stays open, and its names are found by all that is opened later.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fletbridge::platform {

// "libNAME" and this is the file that a program is linked with; with the second one, that it loads.
#ifdef __APPLE__
inline constexpr std::string_view kLibraryEnding = ".dylib";
inline constexpr std::string_view kVersionedLibraryEnding = ".dylib";
#else
inline constexpr std::string_view kLibraryEnding = ".so";
inline constexpr std::string_view kVersionedLibraryEnding = ".so.1.0";
#endif

// Null, and `why` says why. An empty path is this process itself.
[[nodiscard]] void* OpenLibrary(const std::string& path, std::string& why);
// Null: it has none. A null library is everything that is in this process.
[[nodiscard]] void* FindSymbol(void* library, const char* name) noexcept;
// The paths of all that are open; the program's own may be empty.
[[nodiscard]] std::vector<std::string> OpenLibraries();
// The library, or the program, that this function is of; empty if that cannot be told.
[[nodiscard]] std::string LibraryOf(const void* function);

}  // namespace fletbridge::platform
