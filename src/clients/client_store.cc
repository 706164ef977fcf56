#include "src/clients/client_store.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "common/platform/unique_fd.h"
#include "common/process/program.h"
#include "src/clients/sha256.h"

namespace fletbridge {
namespace fs = std::filesystem;

namespace {

constexpr const char* kPart = ".part";
// tar has a hundred megabytes to write, and says nothing.
constexpr auto kUnpackDeadline = std::chrono::minutes(10);
constexpr std::size_t kLongestWord = 4096;

Error Failed(const std::string& archive, const std::string& why) {
  return MakeError(Errc::kSetup, "cannot unpack Flet's client " + archive + ": " + why +
                                     "; make room there, or set XDG_CACHE_HOME to another folder");
}

// Where it is noted which content an archive had when it looked like this.
std::string NoteOf(const std::string& store, const std::string& archive) {
  struct stat info {};
  std::error_code error;
  const std::string path = fs::absolute(archive, error).lexically_normal().string();
  if (::stat(path.c_str(), &info) != 0) return {};
  const std::string looks =
      path + "\n" + std::to_string(info.st_size) + " " + std::to_string(info.st_ino) + " " +
      std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + " " +
      std::to_string(info.st_ctim.tv_sec) + "." + std::to_string(info.st_ctim.tv_nsec);
  return store + "/seen/" + Sha256Of(looks);
}

// Runs tar, which knows what in an archive must not be believed: "..", absolute names, links.
std::string Extract(const std::string& archive, const std::string& into) try {
  std::string tar = "/bin/tar";
  std::error_code missing;
  if (!fs::exists(tar, missing)) tar = "/usr/bin/tar";
  const auto outcome =
      RunProgram({.path = tar, .arguments = {"-xzf", archive, "-C", into, "--no-same-owner"}},
                 kUnpackDeadline, kLongestWord);
  if (!outcome) return "cannot run tar: " + outcome.error().message();
  if (outcome->end == ProgramOutcome::End::kByItself && outcome->code != 0)
    return "tar ended with exit code " + std::to_string(outcome->code);
  return outcome->end == ProgramOutcome::End::kByItself ? std::string()
                                                        : "tar has not ended in ten minutes";
} catch (const std::exception& error) {
  return error.what();
}

// Empty if only this user may have written what lies in the store.
std::string Distrust(const std::string& store, const std::string& content) {
  struct stat info {};
  const std::string above = fs::path(store).parent_path();
  if (std::string why = WhoElseWrites(above, false); !why.empty()) return why;
  if (std::string why = WhoElseWrites(store, true); !why.empty()) return why;
  // Nobody else comes into a closed one.
  if (::stat(store.c_str(), &info) != 0 || (info.st_mode & 077) == 0) return {};
  std::vector<std::string> folders = {store + "/seen"};
  if (!content.empty()) folders.push_back(store + "/" + content);
  std::error_code error;
  for (const std::string& folder : folders) {
    if (!fs::exists(fs::symlink_status(folder, error))) continue;
    if (std::string why = WhoElseWrites(folder, true); !why.empty()) return why;
    for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
      if (std::string why = WhoElseWrites(at->path(), true); !why.empty()) return why;
    }
    if (error) return folder + " cannot be read: " + error.message();
  }
  return {};
}

Error NotTrusted(const std::string& store, const std::string& why) {
  return MakeError(Errc::kUntrusted, "cannot take Flet's client out of " + store + ": " + why +
                                         "; remove that folder, or set XDG_CACHE_HOME to one of "
                                         "your own");
}

}  // namespace

std::string WhoElseWrites(const std::string& path, bool ours_alone) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};  // nothing is there
  if (info.st_uid != ::geteuid() && info.st_uid != 0) return path + " belongs to another user";
  if (S_ISLNK(info.st_mode)) {
    if (::stat(path.c_str(), &info) != 0) return {};
    if (info.st_uid != ::geteuid() && info.st_uid != 0) return path + " leads to another user's";
  }
  const mode_t others = ours_alone ? 022 : 002;
  const bool sticky = !ours_alone && (info.st_mode & S_ISVTX) != 0;
  return (info.st_mode & others) != 0 && !sticky ? path + " can be written by other users"
                                                 : std::string();
}

std::string UnpackedBefore(const std::string& store, const std::string& archive) {
  if (!Distrust(store, {}).empty()) return {};
  const std::string note = NoteOf(store, archive);
  std::ifstream in(note);
  std::string content;
  if (note.empty() || !(in >> content) || content.size() != 64) return {};
  return UnpackedBySum(store, content);
}

std::string UnpackedBySum(const std::string& store, const std::string& sha256) {
  const std::string folder = store + "/" + sha256;
  std::error_code error;
  const bool there = fs::is_directory(folder, error) && Distrust(store, sha256).empty();
  return there ? folder : std::string();
}

Result<std::string> UnpackedClient(const std::string& store, const std::string& archive) {
  if (std::string known = UnpackedBefore(store, archive); !known.empty()) return known;
  Result<std::string> content = Sha256OfFile(archive);
  if (!content) return content.error();
  std::error_code error;
  const fs::path above = fs::path(store).parent_path();
  fs::create_directories(above.parent_path(), error);
  for (const std::string& one : {above.string(), store, store + "/seen"}) {
    if (::mkdir(one.c_str(), 0700) != 0 && errno != EEXIST)
      return Failed(archive, one + ": " + std::strerror(errno));
  }
  if (const std::string why = Distrust(store, *content); !why.empty())
    return NotTrusted(store, why);
  // One at a time: whoever comes second finds it done, and what lies half unpacked is a dead one's.
  const UniqueFd lock(
      ::open((store + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX) != 0)
    return Failed(archive, store + "/lock: " + std::strerror(errno));
  for (const fs::directory_entry& entry : fs::directory_iterator(store, error)) {
    std::error_code ignored;
    if (entry.path().extension() == kPart) fs::remove_all(entry.path(), ignored);
  }
  const std::string folder = store + "/" + *content;
  if (!fs::is_directory(folder, error)) {
    const std::string part = folder + kPart;
    fs::create_directory(part, error);
    std::string why = error ? part + ": " + error.message() : Extract(archive, part);
    if (why.empty()) {
      fs::rename(part, folder, error);
      if (error) why = folder + ": " + error.message();
    }
    if (!why.empty()) {
      fs::remove_all(part, error);
      return Failed(archive, why);
    }
  }
  const std::string note = NoteOf(store, archive);
  std::ofstream(note + kPart) << *content << "\n";
  fs::rename(note + kPart, note, error);  // without it the archive is read again next time
  return folder;
}

}  // namespace fletbridge
