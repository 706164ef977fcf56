#include "tools/toolbox.h"

namespace fletbridge {

void PrintMessage(const Toolbox& tools, std::string_view text) {
  std::string line = "fletbridge: ";
  for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  tools.err << line << std::endl;
}

int PrintError(const Toolbox& tools, const Error& error) {
  PrintMessage(tools, error.Line());
  return error.code == Errc::kUsage ? kExitUsage : kExitFailure;
}

}  // namespace fletbridge
