#include "common/python/checker.h"

#include <filesystem>

#include "common/base/cause.h"
#include "common/process/program.h"
#include "common/python/hosting.h"

namespace fletbridge {

Error BecomeChecker(const std::string& python, const std::string& request) {
  const std::string package = PartsFolder() + "/python/fletbridge/check";
  std::error_code missing;
  if (!std::filesystem::exists(package, missing))
    return MakeError(Errc::kSetup, "there is no " + package + "; install fletbridge as a whole");
  // -I -S: no PYTHON* variable, no site-packages, no sitecustomize. -B: the parts may belong to
  // root.
  // It starts and waits for runs of the app, as we would.
  const boost::system::error_code error = BecomeProgram(
      {.path = python, .arguments = {"-I", "-S", "-B", "-X", "utf8", package, request}},
      SignalsOf::kSettled);
  return MakeError(Errc::kSetup,
                   "cannot start the interpreter " + python + ": " +
                       CauseAndRemedy(error.value(), "name another one with --python"));
}

}  // namespace fletbridge
