#include "src/compare/file_opens.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <poll.h>

#include "common/platform/file_watch.h"
#include "common/platform/threads.h"

namespace fletbridge::compare {

FileOpens::FileOpens(const std::vector<std::string>& files) : times_(files.size()) {
  for (const std::string& file : files) {
    watches_.push_back(file.empty() ? UniqueFd()
                                    : platform::WatchFile(file, platform::FileEvent::kOpened));
  }
  const bool any = std::any_of(watches_.begin(), watches_.end(),
                               [](const UniqueFd& watch) { return static_cast<bool>(watch); });
  if (any && stop_.fd() >= 0) thread_ = platform::StartWithoutSignals([this] { Watch(); });
}

FileOpens::~FileOpens() { Stop(); }

const std::vector<FileOpens::Times>& FileOpens::Stop() {
  if (thread_.joinable()) {
    stop_.Signal();
    thread_.join();
  }
  return times_;
}

void FileOpens::Watch() {
  std::vector<pollfd> fds;
  fds.reserve(watches_.size() + 1);
  // poll() passes over a negative descriptor.
  for (const UniqueFd& watch : watches_) fds.push_back({watch ? watch.get() : -1, POLLIN, 0});
  fds.push_back({stop_.fd(), POLLIN, 0});
  while (true) {
    if (::poll(fds.data(), fds.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    const Clock::time_point now = Clock::now();
    for (std::size_t i = 0; i < times_.size(); ++i) {
      if (fds[i].revents == 0) continue;
      times_[i].push_back(now);
      platform::TakeFileEvents(fds[i].fd);
      if (times_[i].size() == kMost) fds[i].fd = -1;
    }
    if (fds.back().revents != 0) return;
  }
}

std::string ServerModuleOf(const std::string& flet_package, const std::string& python_version) {
  const std::size_t minor = python_version.find('.');
  if (flet_package.empty() || minor == std::string::npos) return {};
  const std::string tag =
      "cpython-" + python_version.substr(0, minor) +
      python_version.substr(minor + 1, python_version.find('.', minor + 1) - minor - 1);
  for (const char* folder : {"/messaging/", "/"}) {  // since Flet 0.70, before
    const std::string place = flet_package + folder;
    for (const std::string& file : {place + "__pycache__/flet_socket_server." + tag + ".pyc",
                                    place + "flet_socket_server.py"}) {
      std::error_code ignored;
      if (std::filesystem::exists(file, ignored)) return file;
    }
  }
  return {};
}

}  // namespace fletbridge::compare
