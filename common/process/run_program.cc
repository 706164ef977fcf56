#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "common/platform/unique_fd.h"
#include "common/process/program.h"

namespace fletbridge {
namespace {

using Clock = std::chrono::steady_clock;

// Until one of it can be read; false: the deadline has passed.
bool AwaitReadable(int fd, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    pollfd wait{fd, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

boost::system::result<ProgramOutcome> RunProgram(const Program& program,
                                                 std::chrono::milliseconds deadline,
                                                 std::size_t most_bytes) {
  const auto until = Clock::now() + deadline;
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return boost::system::error_code(errno, boost::system::system_category());
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  auto running = RunningProgram::Start(
      program,
      {.input = kNothing, .output = writer.get(), .errors = kNothing, .descriptors = false});
  if (!running) return running.error();
  writer.reset();

  ProgramOutcome outcome;
  outcome.pid = running->pid();
  char room[16384];
  while (true) {
    if (!AwaitReadable(reader.get(), until)) {
      outcome.end = ProgramOutcome::End::kTooLate;
      return outcome;
    }
    const ssize_t n = ::read(reader.get(), room, sizeof room);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    outcome.output.append(room, static_cast<std::size_t>(n));
    if (outcome.output.size() > most_bytes) {  // and it may wait to write more
      outcome.end = ProgramOutcome::End::kTooMuch;
      return outcome;
    }
  }
  // It may close its output long before it ends.
  std::optional<int> code;
  while (!(code = running->ExitCode())) {
    if (!AwaitReadable(running->fd(), until)) {
      outcome.end = ProgramOutcome::End::kTooLate;
      return outcome;
    }
  }
  outcome.code = *code;
  return outcome;
}

}  // namespace fletbridge
