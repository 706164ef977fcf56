// What libstdc++.a asks glibc 2.36 for. Here it has an older one's means, so that what links it
// runs from glibc 2.34 on. Hidden: nobody else in the process is meant.
#include <cstdint>
#include <cstdlib>
#include <sys/random.h>

extern "C" __attribute__((visibility("hidden"))) std::uint32_t arc4random() {
  std::uint32_t random = 0;
  // It fails only where the kernel has no such call, and nothing random may be made of that.
  if (::getentropy(&random, sizeof random) != 0) std::abort();
  return random;
}
