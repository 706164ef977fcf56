// Room: tools. The executable with a static libpython inside. `fletbridge run` becomes it, and
// tells it by an inherited descriptor what to run; nobody types it.
#include <cstdlib>
#include <iostream>
#include <unistd.h>

#include "src/host/handover.h"
#include "src/host/run.h"

int main() try {
  const char* handed = std::getenv(fletbridge::kHandoverVariable);
  if (handed == nullptr) {
    std::cerr << "fletbridge: this program is a part of fletbridge; use fletbridge run --hosting "
                 "static\n";
    return 2;
  }
  const int fd = std::atoi(handed);
  ::unsetenv(fletbridge::kHandoverVariable);
  return fletbridge::RunHandedOver(fd);
} catch (const std::exception& error) {
  std::cerr << "fletbridge: " << error.what() << std::endl;
  return 70;
}
