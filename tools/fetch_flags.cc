// Room: tools. The program fletbridge-fetch URL COPY: asks the address of a flag file, keeps a good
// answer as the copy, and tells both to whoever still reads its output. Started by a run, which may
// be gone or have become another program before it ends; ends by itself within some seconds.
#include <csignal>
#include <ctime>
#include <string>
#include <unistd.h>

#include "common/process/surroundings.h"
#include "src/rollout/flag_source/flag_copy.h"
#include "src/rollout/flag_source/flag_source.h"
#include "src/rollout/https/https_get.h"

namespace {

using namespace fletbridge;

// A name that nobody answers for is waited for by the system's resolver, not by us.
constexpr unsigned kLongestSeconds = 8;
constexpr std::chrono::milliseconds kDeadline{5000};

void Tell(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (n <= 0) return;
    at += static_cast<std::size_t>(n);
  }
}

std::string Fetch(const std::string& url, const std::string& path) {
  const std::optional<FlagCopy> copy = ReadFlagCopy(path, url);
  GetRequest request;
  request.url = url;
  request.deadline = kDeadline;
  request.limit_bytes = kMaxFlagFileBytes;
  if (copy) request.etag = copy->etag;
  Result<GetAnswer> answer = HttpsGet(request);
  if (!answer) return kFetchFailed + answer.error().Line();
  if (answer->unchanged) return kFetchSame;
  if (const Result<FlagFile> file = FlagFile::Parse(answer->body); !file)
    return kFetchFailed + ("what it answers is " + file.error().Line());
  // Without a place for it the answer is still good for the run that waits.
  if (!path.empty())
    (void)WriteFlagCopy(path, {url, answer->etag, answer->body, std::time(nullptr)});
  return kFetchNew + answer->body;
}

}  // namespace

int main(int argc, char** argv) {
  SettleIn();
  IgnoreBrokenPipes();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGALRM, SIG_DFL);  // whatever our parent ignores or blocks
  ::alarm(kLongestSeconds);
  if (argc != 3) return 2;
  Tell(Fetch(argv[1], argv[2]));
  ::_exit(0);  // a resolver's thread may still run
}
