// Room: tools. The executable with a static libpython inside. `fletbridge run` replaces itself
// with it and passes the plan in an inherited descriptor; users do not start it.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

#include "common/base/cause.h"
#include "common/base/log.h"
#include "common/process/surroundings.h"
#include "src/host/handover.h"
#include "src/host/run.h"
#include "tools/feature_list.h"

int main() try {
  fletbridge::SettleIn();
  fletbridge::IgnoreBrokenPipes();
  const char* handed = std::getenv(fletbridge::kHandoverVariable);
  if (handed == nullptr) {
    std::cerr << "fletbridge: this program is a part of fletbridge; use fletbridge run --hosting "
                 "static\n";
    return 2;
  }
  const int fd = std::atoi(handed);
  ::unsetenv(fletbridge::kHandoverVariable);
  const int code = fletbridge::RunHandedOver(fd, fletbridge::AllFeatures());
  // Whatever threads there still are, of the app or of a window's engine, end with the process.
  std::fflush(nullptr);
  fletbridge::FlushLog();
  ::_exit(code);
} catch (const std::exception& error) {
  std::cerr << "fletbridge: " << fletbridge::CauseOf(error) << std::endl;
  return 70;
}
