#include "src/rollout/flag_source/flag_source.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"
#include "common/process/program.h"
#include "src/rollout/flag_source/flag_copy.h"
#include "src/rollout/state_folder.h"

namespace fletbridge {
namespace {

using Clock = std::chrono::steady_clock;

// All that comes until the writer's end, or nothing if that takes too long.
std::optional<std::string> ReadUntil(int fd, Clock::time_point until) {
  std::string text;
  while (text.size() <= kMaxFlagFileBytes + 16) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return {};
    pollfd wait{fd, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return {};
    char room[65536];
    const ssize_t n = ::read(fd, room, sizeof room);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(room, static_cast<std::size_t>(n));
  }
  return text;
}

std::string DateOf(std::int64_t unix_time) {
  const auto time = static_cast<std::time_t>(unix_time);
  std::tm parts{};
  char text[40] = "?";
  if (::gmtime_r(&time, &parts) != nullptr)
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

LoadedFlags FromFile(const std::string& address) {
  std::error_code error;
  std::string path = address;
  if (std::filesystem::is_directory(path, error)) path += std::string("/") + kFlagFileName;
  const Result<std::string> text = ReadSmallFile(path, kMaxFlagFileBytes);
  if (!text) return {text.error(), path, {}};
  return {FlagFile::Parse(*text), path, {}};
}

LoadedFlags FromAddress(const FlagSource& source) {
  const auto began = Clock::now();
  const std::string& url = source.address;
  const std::string path = FlagCopyPath(source.state_folder, url);
  const std::optional<FlagCopy> copy = ReadFlagCopy(path, url);
  std::string note = "cannot start " + source.fetcher;
  int ends[2] = {-1, -1};
  if (::access(source.fetcher.c_str(), X_OK) == 0 && ::pipe2(ends, O_CLOEXEC) == 0) {
    const UniqueFd reads(ends[0]);
    UniqueFd writes(ends[1]);
    // It may outlive us, and is not the app's to wait for.
    const bool started = !StartDetached(
        {.path = source.fetcher, .arguments = {url, path, source.token_file}}, writes.get());
    writes.reset();
    std::optional<std::string> said;
    if (started) said = ReadUntil(reads.get(), began + kFetchPatience);
    if (started && !said) {
      note = "no answer within " + std::to_string(kFetchPatience.count()) +
             " ms; what still comes is for the next start";
    } else if (said && said->starts_with(kFetchNew)) {
      Result<FlagFile> file = FlagFile::Parse(std::string_view(*said).substr(4));
      if (file) {
        return {std::move(file),
                url,
                {},
                std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began)};
      }
      note = file.error().context;
    } else if (said && said->starts_with(kFetchSame)) {
      note = "unchanged there";
    } else if (said && said->starts_with(kFetchFailed)) {
      note = said->substr(std::strlen(kFetchFailed));
    } else if (said) {
      note = source.fetcher + " has failed";
    }
  }
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  if (copy) {
    Result<FlagFile> file = FlagFile::Parse(copy->body);
    if (file) {
      return {std::move(file), "the copy of " + url + " of " + DateOf(copy->fetched), note, waited};
    }
  }
  return {MakeError(Errc::kSetup, note + "; and there is no earlier copy"), url, note, waited};
}

}  // namespace

bool IsUrl(const std::string& address) {
  return address.starts_with("http://") || address.starts_with("https://");
}

LoadedFlags LoadFlags(const FlagSource& source) {
  return IsUrl(source.address) ? FromAddress(source) : FromFile(source.address);
}

}  // namespace fletbridge
