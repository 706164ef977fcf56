#include "src/host/reload/source_watch.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <poll.h>
#include <set>
#include <sys/stat.h>
#include <thread>
#include <utility>

#include "common/base/log.h"
#include "common/platform/folder_watch.h"
#include "common/platform/self.h"
#include "common/platform/threads.h"
#include "common/platform/wake_up.h"
#include "src/host/reload/watch_rules.h"

namespace fletbridge::reload {
namespace {

namespace fs = std::filesystem;
using platform::FolderEvent;
using platform::FolderWatch;
using FileTime = std::pair<std::int64_t, std::int64_t>;  // seconds, nanoseconds

// A home folder by mistake, or a disk: what an app has is far below.
constexpr std::size_t kMostFolders = 20'000;
constexpr std::size_t kMostFiles = 100'000;
// The folder itself has gone: `git checkout`, a sync program, a mount.
constexpr int kLookForFolderMs = 200;

struct Stamp {
  FileTime written;
  std::uint64_t size = 0, file = 0;
  bool operator==(const Stamp&) const = default;
};

FileTime Written(const struct stat& info) { return {info.st_mtim.tv_sec, info.st_mtim.tv_nsec}; }

FileTime Now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {now.tv_sec, now.tv_nsec};
}

bool WatchesAreUsedUp(int error) { return error == ENOSPC || error == EMFILE || error == ENFILE; }

}  // namespace

struct SourceWatch::Impl {
  Impl(WatchOptions given, std::function<void(const std::string&)> told)
      : options(std::move(given)),
        saved(std::move(told)),
        rules(options.folder, options.ignored, options.own_files) {}

  void Run() {
    platform::NameThread("fletbridge-save");
    if (!options.looks) Begin();
    if (!watch) Look(false);
    while (!stop.load()) {
      pollfd ends[] = {{wake.fd(), POLLIN, 0}, {watch ? watch->fd() : -1, POLLIN, 0}};
      int wait = folder_gone ? kLookForFolderMs : -1;
      if (!watch) wait = static_cast<int>(options.look_every.count());
      if (::poll(ends, 2, wait) < 0 && errno != EINTR) return;
      if (stop.load()) return;
      if (!watch) {
        Look(true);
      } else if (folder_gone) {
        AwaitFolder();
      } else if (ends[1].revents != 0) {
        TakeEvents();
      }
    }
  }

  void Tell(const std::string& path) {
    if (!stop.load()) saved(path);
  }
  bool Counts(const std::string& path) const {
    return path == options.script || rules.Counts(path);
  }

  // ---- By the system's watches

  void Begin() {
    begun = Now();
    auto made = FolderWatch::Make();
    if (!made) return Resort(made.error().value());
    watch.emplace(std::move(*made));
    (void)Add(options.folder, true);
    if (watch) FollowScript();
    begun.reset();
  }

  void Resort(int error) {
    watch.reset();
    folders.clear();
    // Where no such thing exists nobody can do anything about it.
    Log(WatchesAreUsedUp(error) ? LogLevel::kWarning : LogLevel::kDebug,
        "cannot watch every folder in " + options.folder + ": " +
            (WatchesAreUsedUp(error)
                 ? "the system's inotify watches are used up; the files are looked at twice a "
                   "second instead; raise fs.inotify.max_user_watches and max_user_instances, or "
                   "leave folders out with --ignore-dirs"
                 : std::strerror(error)));
  }

  bool IsOfApp(const fs::path& folder) const {
    std::error_code error;
    return !rules.SkipsFolder(folder.string()) && !fs::exists(folder / "pyvenv.cfg", error);
  }

  // Watches a folder and, if that is asked for, those below. Returns whether a source lies in it
  // that is not known to be old.
  bool Add(const std::string& root, bool is_own) {
    bool news = false;
    std::vector<std::string> todo{root};
    while (!todo.empty() && watch && !stop.load()) {
      const std::string folder = std::move(todo.back());
      todo.pop_back();
      if (folders.size() >= kMostFolders) {
        if (!std::exchange(too_many_said, true))
          Log(LogLevel::kWarning, options.folder + " has more than " +
                                      std::to_string(kMostFolders) +
                                      " folders, and the rest is not watched; leave some out with "
                                      "--ignore-dirs");
        break;
      }
      const auto number = watch->Add(folder);
      if (!number) {
        const int error = number.error().value();
        if (WatchesAreUsedUp(error) || error == ENOMEM) {
          Resort(error);
          Look(false);
          break;
        }
        if (error == EACCES) SayUnreadable(folder);
        continue;
      }
      // The same by another way: a link, perhaps to one above.
      if (!folders.emplace(*number, folder).second) continue;
      std::error_code error;
      for (fs::directory_iterator at(folder, error), end; !error && at != end;
           at.increment(error)) {
        const std::string path = at->path().string();
        struct stat info {};
        if (::stat(path.c_str(), &info) != 0) continue;
        if (S_ISDIR(info.st_mode)) {
          if (is_own && options.recursive && IsOfApp(path)) todo.push_back(path);
        } else if (Counts(path) && (!begun || Written(info) > *begun)) {
          if (begun) Tell(path);
          news = true;
        }
      }
      if (error) SayUnreadable(folder);
    }
    return news;
  }

  void SayUnreadable(const std::string& folder) {
    if (unreadable.size() < kMostFolders && unreadable.insert(folder).second)
      Log(LogLevel::kWarning, "cannot read the folder " + folder +
                                  ", and changes in it are not seen; leave it out with "
                                  "--ignore-dirs, or change its permissions");
  }

  // Saving what a link leads to changes nothing where the link is.
  void FollowScript() {
    std::error_code error;
    const fs::path target = fs::canonical(options.script, error);
    if (error || target == options.script) return;
    target_of_script = target.string();
    const std::string folder = target.parent_path().string();
    const auto number = watch->Add(folder);
    if (number) folders.emplace(*number, folder);
  }

  void TakeEvents() {
    while (watch && !folder_gone && !stop.load()) {
      const std::vector<FolderEvent> events = watch->Take();
      if (events.empty()) return;
      for (const FolderEvent& event : events) {
        if (watch && !folder_gone) Handle(event);
      }
    }
  }

  void Handle(const FolderEvent& event) {
    if (event.what == FolderEvent::What::kLost) {
      folders.clear();
      (void)Add(options.folder, true);
      if (watch) FollowScript();
      return Tell(options.folder);
    }
    const auto found = folders.find(event.folder);
    if (found == folders.end()) return;
    const std::string folder = found->second;
    const std::string path = folder + "/" + event.name;
    switch (event.what) {
      case FolderEvent::What::kGone:
        Forget(folder);
        if (folder == options.folder) {
          folder_gone = true;
        } else if (std::error_code error; fs::is_directory(folder, error) && IsBelow(folder)) {
          (void)Add(folder, true);  // it has been moved here, and was told of before
        }
        break;
      case FolderEvent::What::kFolder: {
        if (!options.recursive || !IsBelow(path) || rules.SkipsFolder(path)) break;
        std::error_code error;
        if (!fs::is_directory(path, error)) {
          Forget(path);  // its watch may have moved to another name
          Tell(path);
        } else if (IsOfApp(path) && Add(path, true)) {
          Tell(path);
        }
        break;
      }
      default:
        // Of a folder in which only the script's target counts.
        if (!IsBelow(path) && path != target_of_script) break;
        if (path != target_of_script && !Counts(path)) break;
        if (path == options.script) FollowScript();
        // A link to a folder is a file where it lies.
        if (std::error_code error; options.recursive && fs::is_directory(path, error)) {
          if (IsOfApp(path)) (void)Add(path, true);
        }
        Tell(path);
    }
  }

  bool IsBelow(const std::string& path) const {
    return path.size() > options.folder.size() && path.starts_with(options.folder) &&
           (path[options.folder.size()] == '/' || options.folder == "/");
  }

  void Forget(const std::string& folder) {
    std::erase_if(folders, [&](const auto& entry) {
      return entry.second == folder || entry.second.starts_with(folder + "/");
    });
  }

  void AwaitFolder() {
    std::error_code error;
    if (!fs::is_directory(options.folder, error)) return;
    folder_gone = false;
    folders.clear();
    (void)Add(options.folder, true);
    if (watch) FollowScript();
    Tell(options.folder);
  }

  // ---- By looking

  void Look(bool tells) {
    std::map<std::string, Stamp> now;
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    std::vector<std::string> todo{options.folder};
    while (!todo.empty() && !stop.load()) {
      const std::string folder = std::move(todo.back());
      todo.pop_back();
      std::error_code error;
      for (fs::directory_iterator at(folder, error), end; !error && at != end;
           at.increment(error)) {
        const std::string path = at->path().string();
        struct stat info {};
        if (now.size() >= kMostFiles || ::stat(path.c_str(), &info) != 0) continue;
        if (!S_ISDIR(info.st_mode)) {
          if (Counts(path))
            now[path] = {Written(info), static_cast<std::uint64_t>(info.st_size), info.st_ino};
        } else if (options.recursive && seen.size() < kMostFolders && IsOfApp(path) &&
                   seen.emplace(info.st_dev, info.st_ino).second) {
          todo.push_back(path);
        }
      }
    }
    if (stop.load()) return;
    const std::map<std::string, Stamp> before = std::exchange(stamps, std::move(now));
    if (!tells) return;
    for (const auto& [path, stamp] : stamps) {
      const auto found = before.find(path);
      if (found == before.end() || found->second != stamp) Tell(path);
    }
    for (const auto& [path, stamp] : before) {
      if (!stamps.contains(path)) Tell(path);
    }
  }

  const WatchOptions options;
  const std::function<void(const std::string&)> saved;
  const WatchRules rules;
  platform::WakeUp wake{platform::WakeUp::Reader::kLoop};
  std::atomic<bool> stop{false};
  std::thread thread;
  // its thread only
  std::optional<FolderWatch> watch;    // none: it looks
  std::map<int, std::string> folders;  // that are watched
  std::string target_of_script;        // if that is a link
  std::optional<FileTime> begun;       // while the first look is under way
  bool folder_gone = false;
  bool too_many_said = false;
  std::set<std::string> unreadable;
  std::map<std::string, Stamp> stamps;
};

SourceWatch::SourceWatch(WatchOptions options, std::function<void(const std::string&)> saved)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(saved))) {
  impl_->thread = platform::StartWithoutSignals([impl = impl_] { impl->Run(); });
}

SourceWatch::~SourceWatch() {
  impl_->stop = true;
  impl_->wake.Signal();
  impl_->thread.join();
}

}  // namespace fletbridge::reload
