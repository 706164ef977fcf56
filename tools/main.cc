// Room: tools. The `fletbridge` command: surroundings in, exit code out.
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "common/base/cause.h"
#include "common/process/surroundings.h"
#include "tools/toolbox.h"

int main(int argc, char** argv) try {
  fletbridge::SettleIn();
  return fletbridge::FletbridgeMain(fletbridge::RealToolbox(),
                                    std::vector<std::string>(argv + 1, argv + argc));
} catch (const std::exception& error) {
  std::cerr << "fletbridge: " << fletbridge::CauseOf(error) << std::endl;
  return fletbridge::kExitFailure;
}
