#include "tools/feature_list.h"

#include "src/clients/finder.h"
#include "src/recording/recording_filter.h"
#include "src/rollout/start_guard.h"

namespace fletbridge {

const Features& AllFeatures() {
  static const Features features{
      &RolloutGuard(), &DesktopClients(), {MakeRecordingFilter}, ReplayFor};
  return features;
}

}  // namespace fletbridge
