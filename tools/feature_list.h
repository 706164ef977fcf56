// Room: tools. The one list of a run's features, for each program that starts or hosts a run.
#pragma once

#include "src/host/features.h"

namespace fletbridge {

[[nodiscard]] const Features& AllFeatures();

}  // namespace fletbridge
