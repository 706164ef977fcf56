// Room: common/platform. Threads and the signals that reach them. Free functions; any thread.
#pragma once

#include <functional>
#include <pthread.h>
#include <thread>

namespace fletbridge::platform {

// A thread that no signal is handled on: they are for the app's threads. Throws as std::thread.
[[nodiscard]] std::thread StartWithoutSignals(std::function<void()> run);
// SIGINT reaches the calling thread from now on.
void AllowInterrupt() noexcept;

// What this process does about SIGINT.
using SignalHandler = void (*)(int);
[[nodiscard]] SignalHandler InterruptHandler() noexcept;
// Sends SIGINT to this thread, out of a system call in which it waits. It runs, by the caller's
// word.
void InterruptThread(pthread_t thread) noexcept;

// Called in each fork of this process, from now on.
void OnFork(void (*in_child)()) noexcept;

}  // namespace fletbridge::platform
