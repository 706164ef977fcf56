#include "common/platform/folder_watch.h"

#include <cerrno>
#include <cstdint>
#include <sys/inotify.h>
#include <unistd.h>

namespace fletbridge::platform {
namespace {

// Not IN_MODIFY: a file that is being written is of no use yet. Who opens one writes it to the end.
constexpr std::uint32_t kWanted = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                  IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

boost::system::error_code Last() { return {errno, boost::system::system_category()}; }

}  // namespace

boost::system::result<FolderWatch> FolderWatch::Make() {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd) return Last();
  return FolderWatch(std::move(fd));
}

boost::system::result<int> FolderWatch::Add(const std::string& path) {
  const int number = ::inotify_add_watch(fd_.get(), path.c_str(), kWanted);
  if (number < 0) return Last();
  return number;
}

std::vector<FolderEvent> FolderWatch::Take() {
  using What = FolderEvent::What;
  std::vector<FolderEvent> taken;
  alignas(inotify_event) char bytes[16 * 1024];
  const ssize_t size = ::read(fd_.get(), bytes, sizeof bytes);
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(bytes + at);
    at += static_cast<ssize_t>(sizeof *event + event->len);
    FolderEvent told;
    told.folder = event->wd;
    told.name = event->len == 0 ? "" : event->name;
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
      told.what = What::kLost;
    } else if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
      // What has moved is somewhere else, where nobody may want to know of it.
      if ((event->mask & IN_MOVE_SELF) != 0) ::inotify_rm_watch(fd_.get(), event->wd);
      told.what = What::kGone;
    } else if ((event->mask & IN_IGNORED) != 0) {
      continue;
    } else if ((event->mask & IN_ISDIR) != 0) {
      told.what = What::kFolder;
    }
    taken.push_back(std::move(told));
  }
  return taken;
}

}  // namespace fletbridge::platform
