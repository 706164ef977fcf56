#include "src/dart_bridge/libpython.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <link.h>
#include <mutex>
#include <string>
#include <vector>

#include "common/python/api.h"

namespace fletbridge::dart_bridge {
namespace {

namespace fs = std::filesystem;

constexpr int kOldestMinor = 10;
constexpr int kNewestMinor = 14;
// dlopen's own name for what is in the process already.
constexpr const char* kThisProcess = "";

std::atomic<bool> g_found{false};

// Of "libpython3.11.so.1.0" and "libpython3.11.so"; 0 for other names, also for libpython3.so,
// which is an empty library that names the real one.
int MinorOf(const std::string& name) {
  constexpr std::string_view kStart = "libpython3.";
  if (!name.starts_with(kStart)) return 0;
  const std::size_t dot = name.find('.', kStart.size());
  if (dot == std::string::npos || name.compare(dot, 3, ".so") != 0) return 0;
  const int minor = std::atoi(name.c_str() + kStart.size());
  return minor >= kOldestMinor && minor <= kNewestMinor ? minor : 0;
}

int AddLoaded(dl_phdr_info* info, std::size_t, void* to) {
  const std::string path = info->dlpi_name != nullptr ? info->dlpi_name : "";
  if (MinorOf(fs::path(path).filename()) != 0)
    static_cast<std::vector<std::string>*>(to)->push_back(path);
  return 0;
}

std::vector<std::string> BesideThisLibrary() {
  std::vector<std::string> found;
  Dl_info self{};
  if (::dladdr(reinterpret_cast<const void*>(&FindPython), &self) == 0) return found;
  std::error_code error;
  const fs::path folder = fs::absolute(self.dli_fname, error).parent_path();
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (MinorOf(entry.path().filename()) != 0) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const std::string& a, const std::string& b) {
    return MinorOf(fs::path(a).filename()) > MinorOf(fs::path(b).filename());
  });
  return found;
}

std::vector<std::string> OfTheSystem() {
  std::vector<std::string> names;
  const char* home = std::getenv("PYTHONHOME");
  for (int minor = kNewestMinor; minor >= kOldestMinor; --minor) {
    const std::string version = "3." + std::to_string(minor);
    const std::string name = "libpython" + version + ".so.1.0";
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
  if (::dlsym(RTLD_DEFAULT, "Py_BytesMain") != nullptr) return LoadPyApi(kThisProcess);
  std::vector<std::string> loaded;
  ::dl_iterate_phdr(AddLoaded, &loaded);
  if (!loaded.empty()) return LoadPyApi(loaded.front());
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
