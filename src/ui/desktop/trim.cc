#include "src/ui/desktop/trim.h"

#include <cstddef>
#include <malloc.h>
#include <utility>

namespace fletbridge::desktop {
namespace {

// What is given back is asked for again with the next frames: less than this is not worth it.
constexpr std::size_t kWorthIt = 16 * 1024 * 1024;

}  // namespace

void Trim::AtRest() {
  if (std::exchange(first_, false) || ::mallinfo2().fordblks > kWorthIt) ::malloc_trim(0);
}

}  // namespace fletbridge::desktop
