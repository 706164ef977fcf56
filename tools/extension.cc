// Room: tools. Our extension `_fletbridge`, which the shim loads into the app's own
// interpreter: the same host, stages and UIs as in the executable. Exports one function.
#include "common/python/hosted.h"
#include "src/host/run.h"
#include "tools/feature_list.h"

extern "C" __attribute__((visibility("default"))) PyObject* PyInit__fletbridge() {
  return fletbridge::InitGuest(
      [](int fd) noexcept { return fletbridge::RunHandedOver(fd, fletbridge::AllFeatures()); });
}
