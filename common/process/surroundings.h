// Room: common/process. What this process's parent has left it besides words and files: signals
// that it ignores or blocks, standard streams that it has closed. Our programs need some of that
// otherwise; what they start, and what they become, gets all of it as it was found.
//
// Threads: SettleIn() and HoldStreams() before there are any; the rest anywhere.
#pragma once

#include <csignal>
#include <string>

namespace fletbridge {

// The first thing in each main(): HoldStreams(), SettleSignals(), and an end with the parent, where
// the parent has asked for that.
void SettleIn() noexcept;

// A descriptor of ours that came to be 0, 1 or 2 would be what print() writes into. So each of
// these that is closed is held by what can be neither read nor written, which is as before, and is
// closed again in whatever this process starts or becomes.
void HoldStreams() noexcept;
[[nodiscard]] const std::string& HeldStreams() noexcept;  // such as "01"
// For a program of ours that this process becomes, but that cannot do the same: /dev/null.
void FillHeldStreams() noexcept;

// SIGCHLD: where it is ignored, nobody can be waited for. SIGXFSZ: a full quota is an error to
// report, not our death.
void SettleSignals() noexcept;
// From here on what would end this process waits, until somebody reads it: for what must not be
// left behind half made. What the parent has blocked, or ignored as nohup does, is as he wants it.
// Returns the signals that wait, for a signalfd. Any thread; of the threads, the one that calls and
// those that it starts.
[[nodiscard]] sigset_t HoldSignals() noexcept;
// A reader that has gone does not end what hosts an app, nor does it end Python.
void IgnoreBrokenPipes() noexcept;
// Before an execve, or between fork and exec, where it is safe; the mask is the calling thread's.
void LeaveSignalsAsFound() noexcept;

// In a child between fork and exec: it dies with the thread of `parent` that has started it, or at
// once if that is over already.
void DieWithParent(int parent, int signal) noexcept;
// What a parent sets to its own number that has no fork() of its own to do this in.
inline constexpr const char* kEndsWithVariable = "FLETBRIDGE_ENDS_WITH";

}  // namespace fletbridge
