// Room: tools. The one list of what features a run has, for each program that starts or hosts one.
#pragma once

#include "src/host/features.h"

namespace fletbridge {

[[nodiscard]] const Features& AllFeatures();

}  // namespace fletbridge
