// Room: tests. What a process has, for a test that looks at what is left behind.
#pragma once

#include <dirent.h>
#include <filesystem>
#include <string>
#include <thread>
#include <unistd.h>

namespace fletbridge {

// -1 if the folder cannot be read.
inline int CountEntries(const char* folder) {
  DIR* dir = ::opendir(folder);
  if (dir == nullptr) return -1;
  int count = 0;
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

// Before the threads are counted that are there at the beginning: ThreadSanitizer begins one of its
// own beside the first. One that has been joined is still listed for a moment.
inline void BeginFirstThread() {
  std::string listed;
  std::thread([&] { listed = "/proc/self/task/" + std::to_string(::gettid()); }).join();
  while (std::filesystem::exists(listed)) std::this_thread::yield();
}

}  // namespace fletbridge
