#include "common/python/probe_memory.h"

#include <array>
#include <cstdint>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "common/base/user_folder.h"
#include "common/platform/unique_fd.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDepends = "depends=";
constexpr std::size_t kMaxBytes = 256 * 1024;
// A change within the grain of a file's time would not be seen.
constexpr std::time_t kSettled = 2;

std::string HashOf(std::string_view text) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  std::ostringstream out;
  out << std::hex << hash;
  return out.str();
}

bool IsProgramFile(const std::string& path) {
  std::array<char, 4> magic{};
  std::ifstream in(path, std::ios::binary);
  in.read(magic.data(), magic.size());
  return in && std::string_view(magic.data(), magic.size()) ==
                   "\x7f"
                   "ELF";
}

// What a change of the file, or of a folder's list, changes. `settled` becomes false if one could
// happen unseen.
std::string StampOf(const std::string& path, bool& settled) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return path + " absent\n";
  std::ostringstream out;
  std::error_code error;
  out << path << " " << fs::canonical(path, error).string() << " " << info.st_dev << " "
      << info.st_ino << " " << info.st_size;
  for (const timespec& time : {info.st_mtim, info.st_ctim}) {
    out << " " << time.tv_sec << "." << time.tv_nsec;
    if (time.tv_sec + kSettled > std::time(nullptr)) settled = false;
  }
  out << "\n";
  return out.str();
}

// Everything that the answer depends on, as one text.
std::string CircumstancesOf(const std::string& interpreter, const std::string& question,
                            const std::string& answer, bool& settled) {
  std::string text = interpreter + "\n" + HashOf(question) + "\n";
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (variable.starts_with("PYTHON") || variable.starts_with("LD_") ||
        variable.starts_with("HOME="))
      text += std::string(variable) + "\n";
  }
  text += StampOf(interpreter, settled);
  std::istringstream lines(answer);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kDepends)) text += StampOf(line.substr(kDepends.size()), settled);
  }
  return HashOf(text) + " " + std::to_string(text.size());
}

}  // namespace

ProbeMemory ProbeMemory::OfUser() {
  const std::string cache = UserCacheFolder();
  return ProbeMemory(cache.empty() ? cache : cache + "/interpreters");
}

std::optional<std::string> ProbeMemory::Recall(const std::string& interpreter,
                                               const std::string& question) const {
  if (folder_.empty()) return std::nullopt;
  const std::string path = folder_ + "/" + HashOf(interpreter);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  // Another user's word about what runs here is not taken.
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      info.st_uid != ::geteuid() || (info.st_mode & 022) != 0 || info.st_size <= 0 ||
      info.st_size > static_cast<off_t>(kMaxBytes))
    return std::nullopt;
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  if (::read(file.get(), text.data(), text.size()) != info.st_size) return std::nullopt;
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string answer = text.substr(end + 1);
  bool settled = true;
  if (text.substr(0, end) != CircumstancesOf(interpreter, question, answer, settled))
    return std::nullopt;
  return answer;
}

void ProbeMemory::Keep(const std::string& interpreter, const std::string& question,
                       const std::string& answer) const {
  if (folder_.empty() || answer.size() > kMaxBytes / 2 || !IsProgramFile(interpreter)) return;
  bool settled = true;
  const std::string text = CircumstancesOf(interpreter, question, answer, settled) + "\n" + answer;
  const std::string path = folder_ + "/" + HashOf(interpreter);
  if (!settled) {
    ::unlink(path.c_str());
    return;
  }
  std::error_code error;
  fs::create_directories(folder_, error);
  const std::string part = path + "." + std::to_string(::getpid()) + ".part";
  const UniqueFd out(
      ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return;
  if (::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(part.c_str(), path.c_str()) != 0)
    ::unlink(part.c_str());
}

}  // namespace fletbridge
