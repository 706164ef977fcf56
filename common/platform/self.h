// Room: common/platform. This process, as the system sees it, and where its files may lie. Free
// functions; any thread; none waits.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace fletbridge::platform {

// The path of the program that runs here; empty where it cannot be told.
[[nodiscard]] std::string OwnProgram();

// How long ago this process began, which an exec does not change. None: not told.
[[nodiscard]] std::optional<std::chrono::duration<double>> Age() noexcept;

// Folders in which a private one for a run may be made, the best first. Not checked.
[[nodiscard]] std::vector<std::string> TemporaryFolders();

// The calling thread's name for people who look at processes; 15 bytes at most.
void NameThread(const char* name) noexcept;
// The calling thread takes only the time that nobody else wants, where the system knows that of one
// thread.
void GiveWay() noexcept;
// A number that no other thread of this process has at the same time.
[[nodiscard]] unsigned long ThreadNumber() noexcept;

// A pipe or a terminal that we have as `fd`, opened once more to write without waiting, while the
// first stays as it is. -1 and errno: not to be had.
[[nodiscard]] int OpenToWriteAtOnce(int fd) noexcept;
// A descriptor that names a path and, where the system has such, can be neither read nor written.
// -1 and errno: none.
[[nodiscard]] int OpenAsName(const char* path, int flags) noexcept;

}  // namespace fletbridge::platform
