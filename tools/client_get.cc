#include "tools/client_get.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <gnu/libc-version.h>
#include <sys/stat.h>
#include <utility>

#include "common/base/cause.h"
#include "common/python/interpreter.h"
#include "src/clients/client_store.h"
#include "src/clients/sha256.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

#if defined(__aarch64__)
constexpr const char* kProcessor = "arm64";
#else
constexpr const char* kProcessor = "amd64";
#endif
constexpr std::chrono::minutes kDeadline{15};

// What the archives of these versions are.
struct Known {
  std::string_view version, processor, sha256;
};
constexpr std::array kKnown = {
    Known{"0.82.2", "amd64", "806e6b3de5d46cdb58987975e4174d841634bddc7358ff25f224d7abc1321c54"},
    Known{"0.28.3", "amd64", "dd62fbc2d4da3204404858350a0fe5af8afd78c11ee454cb55e65fc7223db98c"},
};

// Prints archive=PATH, or failed=WHY. Proxies, certificates and another index are pip's and
// urllib's matter.
constexpr const char* kFetch = R"py(
import os, shutil, subprocess, sys, zipfile
requirement, url, folder = sys.argv[1:]
limit, size = 512 << 20, 0
target = os.path.join(folder, "client.tar.gz")
def fail(text):
    print("failed=" + " ".join(str(text).split())[-300:])
    sys.exit(0)
def copy(source):
    size = 0
    with open(target, "wb") as out:
        while True:
            block = source.read(1 << 20)
            size += len(block)
            if size > limit:
                fail("it is larger than 512 MiB")
            if not block:
                return
            out.write(block)
try:
    if url:
        import urllib.request
        with urllib.request.urlopen(url, timeout=30) as source:
            copy(source)
    else:
        done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-input",
                               "--no-deps", "--only-binary", ":all:", "--retries", "1", "-d", folder, requirement],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            said = done.stdout.decode("utf-8", "replace").strip().splitlines()
            errors = [line for line in said if line.startswith("ERROR: ")] or said
            fail("pip: " + (errors[0] if errors else "it failed").replace("ERROR: ", ""))
        wheels = [name for name in os.listdir(folder) if name.endswith(".whl")]
        with zipfile.ZipFile(os.path.join(folder, wheels[0])) as wheel:
            names = [name for name in wheel.namelist() if name.startswith("flet_desktop/app/flet-linux") and name.endswith(".tar.gz")]
            if not names:
                fail(wheels[0] + " has no client for Linux in it")
            with wheel.open(names[0]) as source:
                copy(source)
    print("archive=" + target)
except Exception as error:
    fail(error)
)py";

// Of a version such as 0.82.2: 82; above all of 0.x for 1.0.
Result<int> MinorOf(const std::string& version) {
  int major = 0;
  int minor = 0;
  const char* end = version.data() + version.size();
  const auto dot = std::from_chars(version.data(), end, major);
  const bool plain = std::all_of(version.begin(), version.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '+';
  });
  if (plain && dot.ec == std::errc{} && dot.ptr != end && *dot.ptr == '.' &&
      std::from_chars(dot.ptr + 1, end, minor).ec == std::errc{})
    return major > 0 ? 1000 : minor;
  return MakeError(Errc::kUsage,
                   version + " is no version of Flet; write one such as " + kClientToGet);
}

// As flet_desktop chooses it: what was built on the newest system that is no newer than this one.
std::string ReleaseOf(const std::string& version) {
  struct System {
    int glibc;
    const char* name;
  };
  constexpr std::array<System, 5> kSystems = {{{28, "debian10"},
                                               {31, "ubuntu20.04"},
                                               {35, "ubuntu22.04"},
                                               {36, "debian12"},
                                               {39, "ubuntu24.04"}}};
  int here = 0;
  const std::string_view glibc = ::gnu_get_libc_version();
  std::from_chars(glibc.data() + std::min<std::size_t>(2, glibc.size()),
                  glibc.data() + glibc.size(), here);
  std::string system = kSystems.front().name;
  for (const System& known : kSystems) {
    if (known.glibc <= here) system = known.name;
  }
  return "https://github.com/flet-dev/flet/releases/download/v" + version + "/flet-linux-" +
         system + "-light-" + kProcessor + ".tar.gz";
}

// A folder of our own below the store, gone at the end.
class Scratch {
 public:
  static Result<Scratch> In(const std::string& store) {
    const fs::path above = fs::path(store).parent_path();
    std::error_code error;
    fs::create_directories(above.parent_path(), error);
    ::mkdir(above.c_str(), 0700);
    std::string path = (above / "getting-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) {
      return MakeError(Errc::kSetup,
                       "cannot make a folder in " + above.string() + ": " +
                           CauseAndRemedy(errno, "set XDG_CACHE_HOME to one of your own"));
    }
    return Scratch(path);
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<std::string> Download(const std::string& python, const std::string& requirement,
                             const std::string& url, const std::string& folder) {
  const std::string what = url.empty() ? requirement : url;
  const Result<std::string> answer =
      AskInterpreter(python, kFetch, {requirement, url, folder}, kDeadline);
  if (!answer) return answer.error();
  const auto after = [&](std::string_view key) {
    const std::size_t at = answer->find(key);
    return at == std::string::npos
               ? std::string()
               : answer->substr(at + key.size(), answer->find('\n', at) - at - key.size());
  };
  if (std::string archive = after("archive="); !archive.empty()) return archive;
  return MakeError(Errc::kSetup,
                   "cannot get " + what + ": " + after("failed=") +
                       "; check the network and its proxy, or fetch the archive elsewhere and use "
                       "fletbridge client add");
}

}  // namespace

Result<std::string> GetClient(const WantedClient& wanted, const std::string& url,
                              const std::string& python, const ClientSearch& search) {
  const Result<int> minor = MinorOf(wanted.version);
  if (!minor) return minor.error();
  std::string sum = wanted.sha256;
  for (const Known& known : kKnown) {
    if (sum.empty() && known.version == wanted.version && known.processor == kProcessor)
      sum = known.sha256;
  }
  const bool hex = sum.size() == 64 && std::all_of(sum.begin(), sum.end(), [](unsigned char c) {
                     return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
                   });
  if (!hex) {
    return MakeError(Errc::kUsage, sum.empty()
                                       ? "it is not known what the client of Flet " +
                                             wanted.version + " for " + kProcessor +
                                             " is; name the SHA-256 of its archive with --sha256"
                                       : "--sha256 takes 64 digits of lower-case hex, not " + sum);
  }
  if (const std::string there = UnpackedBySum(search.store, sum); !there.empty()) return there;

  const Result<Scratch> scratch = Scratch::In(search.store);
  if (!scratch) return scratch.error();
  const bool in_package = *minor <= 82 && url.empty();
  const std::string requirement =
      std::string(*minor < 70 ? "flet-desktop-light==" : "flet-desktop==") + wanted.version;
  const Result<std::string> archive = Download(python, requirement,
                                               in_package    ? ""
                                               : url.empty() ? ReleaseOf(wanted.version)
                                                             : url,
                                               scratch->path());
  if (!archive) return archive.error();
  const Result<std::string> found = Sha256OfFile(*archive);
  if (!found) return found.error();
  if (*found != sum) {
    return MakeError(Errc::kUntrusted, "what was fetched for Flet " + wanted.version +
                                           " is another file than expected: its "
                                           "SHA-256 is " +
                                           *found + ", not " + sum + "; it was not kept");
  }
  return UnpackedClient(search.store, *archive);
}

}  // namespace fletbridge
