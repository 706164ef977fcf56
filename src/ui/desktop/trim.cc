#include "src/ui/desktop/trim.h"

#include <cstddef>
#include <malloc.h>
#include <utility>

namespace fletbridge::desktop {
namespace {

// Less is not worth returning, since the next frames would allocate it again.
constexpr std::size_t kWorthIt = 16 * 1024 * 1024;

}  // namespace

void Trim::AtRest() {
  if (std::exchange(first_, false) || ::mallinfo2().fordblks > kWorthIt) ::malloc_trim(0);
}

}  // namespace fletbridge::desktop
