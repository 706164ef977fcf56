#include "src/dart_bridge/libpython.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "common/platform/library.h"
#include "common/python/api.h"

namespace fletbridge::dart_bridge {
namespace {

namespace fs = std::filesystem;

constexpr int kOldestMinor = 10;
constexpr int kNewestMinor = 14;
// LoadPyApi()'s name for what is in the process already.
constexpr const char* kThisProcess = "";

std::atomic<bool> g_found{false};

// Of "libpython3.11.so.1.0" and "libpython3.11.so"; 0 for other names, also for libpython3.so,
// which is an empty library that names the real one.
int MinorOf(const std::string& name) {
  constexpr std::string_view kStart = "libpython3.";
  if (!name.starts_with(kStart)) return 0;
  const std::size_t dot = name.find('.', kStart.size());
  if (dot == std::string::npos ||
      name.compare(dot, platform::kLibraryEnding.size(), platform::kLibraryEnding) != 0)
    return 0;
  const int minor = std::atoi(name.c_str() + kStart.size());
  return minor >= kOldestMinor && minor <= kNewestMinor ? minor : 0;
}

// Open already, whoever has opened it; empty if there is none.
std::string Loaded() {
  for (const std::string& path : platform::OpenLibraries()) {
    if (MinorOf(fs::path(path).filename().string()) != 0) return path;
  }
  return {};
}

std::vector<std::string> BesideThisLibrary() {
  std::vector<std::string> found;
  const std::string self = platform::LibraryOf(reinterpret_cast<const void*>(&FindPython));
  if (self.empty()) return found;
  std::error_code error;
  const fs::path folder = fs::absolute(self, error).parent_path();
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (MinorOf(entry.path().filename().string()) != 0) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end(), [](const std::string& a, const std::string& b) {
    return MinorOf(fs::path(a).filename().string()) > MinorOf(fs::path(b).filename().string());
  });
  return found;
}

std::vector<std::string> OfTheSystem() {
  std::vector<std::string> names;
  const char* home = std::getenv("PYTHONHOME");
  for (int minor = kNewestMinor; minor >= kOldestMinor; --minor) {
    const std::string version = "3." + std::to_string(minor);
    const std::string name = "libpython" + version + std::string(platform::kVersionedLibraryEnding);
    std::error_code error;
    if (home != nullptr && fs::exists(fs::path(home) / "lib" / ("python" + version), error)) {
      names.insert(names.begin(), name);
    } else {
      names.push_back(name);
    }
  }
  return names;
}

Result<> Find() {
  if (const char* asked = std::getenv("FLETBRIDGE_LIBPYTHON"); asked != nullptr && *asked != '\0')
    return LoadPyApi(asked);
  if (platform::FindSymbol(nullptr, "Py_BytesMain") != nullptr) return LoadPyApi(kThisProcess);
  if (const std::string loaded = Loaded(); !loaded.empty()) return LoadPyApi(loaded);
  std::string why = "there is no libpython";
  for (const auto& names : {BesideThisLibrary(), OfTheSystem()}) {
    for (const std::string& name : names) {
      Result<> opened = LoadPyApi(name);
      if (opened) return {};
      // The first failure of a file that is there says more than that others are not.
      if (std::error_code error; fs::exists(name, error)) why = opened.error().Line();
    }
  }
  return MakeError(Errc::kSetup,
                   why +
                       "; put libpython3.10 to 3.14 beside libdart_bridge.so, or name "
                       "it in FLETBRIDGE_LIBPYTHON");
}

}  // namespace

Result<> FindPython() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (g_found.load()) return {};
  Result<> found = Find();
  if (found) g_found.store(true);
  return found;
}

bool HasPython() noexcept { return g_found.load(); }

}  // namespace fletbridge::dart_bridge
