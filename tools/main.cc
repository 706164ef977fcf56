// Room: tools. The `fletbridge` command: passes arguments and environment on, returns the exit
// code.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/cause.h"
#include "common/process/surroundings.h"
#include "tools/feature_list.h"
#include "tools/toolbox.h"

int main(int argc, char** argv) try {
  fletbridge::SettleIn();
  if (argc == 3 && std::string_view(argv[1]) == fletbridge::kReloadedWord)
    return fletbridge::RunReloaded(std::atoi(argv[2]), fletbridge::AllFeatures());
  return fletbridge::FletbridgeMain(fletbridge::RealToolbox(),
                                    std::vector<std::string>(argv + 1, argv + argc));
} catch (const std::exception& error) {
  std::cerr << "fletbridge: " << fletbridge::CauseOf(error) << std::endl;
  return fletbridge::kExitFailure;
}
