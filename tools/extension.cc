// Room: tools. Our extension `_fletbridge`, which the shim loads into a genuine `python`
// executable: the same host, stages and UIs, as its guest. Exports this one function.
#include "common/python/hosted.h"
#include "src/host/run.h"
#include "tools/features.h"

extern "C" __attribute__((visibility("default"))) PyObject* PyInit__fletbridge() {
  return fletbridge::InitGuest(
      [](int fd) noexcept { return fletbridge::RunHandedOver(fd, fletbridge::AllFeatures()); });
}
