#include "common/python/checker.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>

#include "common/base/cause.h"
#include "common/process/surroundings.h"
#include "common/python/hosting.h"

namespace fletbridge {

Error BecomeChecker(const std::string& python, const std::string& request) {
  const std::string package = PartsFolder() + "/python/fletbridge/check";
  std::error_code missing;
  if (!std::filesystem::exists(package, missing))
    return MakeError(Errc::kSetup, "there is no " + package + "; install fletbridge as a whole");
  // -I -S: no PYTHON* variable, no site-packages, no sitecustomize. -B: the parts may belong to
  // root.
  std::array<std::string, 7> words = {python, "-I", "-S", "-B", "-X", "utf8", package};
  std::string last = request;
  std::array<char*, words.size() + 2> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  argv[words.size()] = last.data();
  // It starts and waits for runs of the app: what was settled for that stays.
  FillHeldStreams();
  ::execv(python.c_str(), argv.data());
  return MakeError(Errc::kSetup, "cannot start the interpreter " + python + ": " +
                                     CauseAndRemedy(errno, "name another one with --python"));
}

}  // namespace fletbridge
