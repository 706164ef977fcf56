#include "src/clients/client_folder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <vector>

#include "common/platform/unique_fd.h"
#include "src/clients/sha256.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

// Dart's compiled code holds the paths of the sources it was made from. Each generation has some
// that the ones before have not (flet, packages/flet/lib/src).
constexpr std::string_view kFirst = "src/protocol/register_webclient_request.dart";
constexpr std::string_view kSecond = "src/protocol/register_client_request_body.dart";
constexpr std::string_view kThird = "src/transport/protocol_muxed_data_channel.dart";
constexpr std::string_view kThirdToo = "src/transport/data_channel.dart";

int GenerationOfCode(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || info.st_size <= 0) return 0;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) return 0;
  const auto has = [&](std::string_view text) {
    return ::memmem(mapped, size, text.data(), text.size()) != nullptr;
  };
  int generation = 0;
  if (has(kSecond)) {
    generation = has(kThird) || has(kThirdToo) ? 3 : 2;
  } else if (has(kFirst)) {
    generation = 1;
  }
  ::munmap(mapped, size);
  return generation;
}

// Without its data about letters the engine ends the process with a word that helps nobody. ICU's
// files begin with the length of their header and two marks (ICU, MappedData).
bool IsIcuData(const std::string& path) {
  std::array<char, 4> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  return begin[2] == '\xda' && begin[3] == '\x27';
}

// Calls `add` with a line for each file, sorted by name.
Result<std::string> SumOf(const std::string& folder,
                          const std::function<Result<std::string>(const fs::path&)>& line_of) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->is_symlink(error) || at->is_regular_file(error)) files.push_back(at->path());
  }
  if (error) {
    return MakeError(Errc::kSetup, "cannot read the client in " + folder + ": " + error.message() +
                                       "; check its permissions");
  }
  std::sort(files.begin(), files.end());
  Sha256 sum;
  for (const fs::path& file : files) {
    Result<std::string> line = line_of(file);
    if (!line) return line.error();
    sum.Add(*line + "  " + file.lexically_relative(folder).string() + "\n");
  }
  return sum.Hex();
}

}  // namespace

int GenerationOfVersion(const std::string& version) {
  int major = 0;
  int minor = 0;
  const char* end = version.data() + version.size();
  const auto [dot, error] = std::from_chars(version.data(), end, major);
  if (error != std::errc{} || dot == end || *dot != '.') return 0;
  std::from_chars(dot + 1, end, minor);
  if (major >= 1 || minor >= 86) return 3;
  if (minor >= 70) return 2;
  return minor >= 4 ? 1 : 0;
}

// The first number-like part of "flet-desktop-light-0.82.2" or "flet-desktop-full-1.0.5-0a1b2c".
std::string VersionInName(const std::string& name) {
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t end = std::min(name.find('-', at), name.size());
    const std::string part = name.substr(at, end - at);
    if (GenerationOfVersion(part) != 0) return part;
    at = end + 1;
  }
  return {};
}

FletClient LookAtClient(const std::string& folder, std::string source, std::string version) {
  std::error_code error;
  FletClient client;
  client.source = std::move(source);
  client.version = std::move(version);
  client.folder = fs::absolute(folder, error).lexically_normal().string();
  while (client.folder.size() > 1 && client.folder.back() == '/') client.folder.pop_back();
  if (!fs::exists(client.engine(), error) && fs::exists(client.folder + "/flet/lib", error))
    client.folder += "/flet";
  for (const std::string& part : {client.engine(), client.app(), client.assets(), client.icu()}) {
    if (fs::exists(part, error)) continue;
    client.obstacle = "it has no " + fs::path(part).lexically_relative(client.folder).string();
    return client;
  }
  if (!IsIcuData(client.icu())) {
    client.obstacle = "its data/icudtl.dat is damaged";
    return client;
  }
  client.generation = GenerationOfVersion(client.version);
  if (client.version.empty()) {
    // Where it was unpacked may tell people; but a name is soon given, and what the client speaks
    // must be known for sure where it is to speak to the app itself.
    const fs::path place = client.folder;
    client.version =
        VersionInName((place.filename() == "flet" ? place.parent_path() : place).filename());
    client.generation = GenerationOfCode(client.app());
    if (client.generation == 0) client.generation = GenerationOfVersion(client.version);
  }
  return client;
}

Result<std::string> ContentOf(const std::string& folder) {
  return SumOf(folder, [](const fs::path& file) -> Result<std::string> {
    std::error_code error;
    if (fs::is_symlink(file, error)) return "-> " + fs::read_symlink(file, error).string();
    return Sha256OfFile(file.string());
  });
}

Result<std::string> TracesOf(const std::string& folder) {
  return SumOf(folder, [](const fs::path& file) -> Result<std::string> {
    struct stat info {};
    if (::lstat(file.c_str(), &info) != 0)
      return MakeError(Errc::kSetup, "cannot read " + file.string() + "; check its permissions");
    std::string line = std::to_string(info.st_size);
    for (const timespec& time : {info.st_mtim, info.st_ctim})
      line += " " + std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
    return line + " " + std::to_string(info.st_ino);
  });
}

}  // namespace fletbridge
