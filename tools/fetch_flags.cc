// Room: tools. The program fletbridge-fetch URL COPY [TOKEN]: downloads a
// flag file, with what the file TOKEN holds as its bearer token, stores a valid
// response as the copy, and prints the result for the run that started it, if that still reads. The
// run may end or become another program meanwhile; this program ends within some seconds.
#include <algorithm>
#include <csignal>
#include <ctime>
#include <string>
#include <unistd.h>

#include "common/process/surroundings.h"
#include "src/rollout/flag_source/flag_copy.h"
#include "src/rollout/flag_source/flag_source.h"
#include "src/rollout/https/https_get.h"
#include "src/rollout/state_folder.h"

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

// One word, as a header may carry it.
Result<std::string> ReadToken(const std::string& file) {
  if (file.empty()) return std::string();
  Result<std::string> text = ReadSmallFile(file, 16384);
  if (!text) return text.error();
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  const bool word =
      std::all_of(text->begin(), text->end(), [](char c) { return c > ' ' && c < 127; });
  if (!text->empty() && word) return text;
  return MakeError(Errc::kUsage, file + " is no token; it must hold one word and nothing else");
}

std::string Fetch(const std::string& url, const std::string& path, const std::string& token_file) {
  const std::optional<FlagCopy> copy = ReadFlagCopy(path, url);
  const Result<std::string> token = ReadToken(token_file);
  if (!token) return kFetchFailed + token.error().Line();
  GetRequest request;
  request.url = url;
  request.token = *token;
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
  if (argc != 3 && argc != 4) return 2;
  Tell(Fetch(argv[1], argv[2], argc == 4 ? argv[3] : ""));
  ::_exit(0);  // a resolver's thread may still run
}
