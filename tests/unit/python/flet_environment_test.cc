#include "common/python/flet_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/scoped_variable.h"

namespace fletbridge {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

class FletEnvironmentTest : public testing::Test {
 protected:
  const ScopedVariable web_{"FLET_FORCE_WEB_SERVER", std::nullopt};
  const ScopedVariable bridge_{"FLET_DART_BRIDGE_PORT", std::nullopt};
  const ScopedVariable url_{"FLET_DISPLAY_URL_PREFIX", std::nullopt};
};

TEST_F(FletEnvironmentTest, TellsFletWhereToListen) {
  EXPECT_THAT(FletOnUnixSocket("/run/x/app.sock"),
              UnorderedElementsAre(Pair("FLET_PLATFORM", "linux"),
                                   Pair("FLET_SERVER_UDS_PATH", "/run/x/app.sock"),
                                   Pair("FLET_SERVER_PORT", "0")));
  EXPECT_THAT(FletOnTcp(8550), UnorderedElementsAre(Pair("FLET_PLATFORM", "linux"),
                                                    Pair("FLET_SERVER_PORT", "8550")));
  EXPECT_THAT(FletOnBridge(7), UnorderedElementsAre(Pair("FLET_PLATFORM", "linux"),
                                                    Pair("FLET_DART_BRIDGE_PORT", "7")));
}

TEST_F(FletEnvironmentTest, LetsNothingThatWasLeftOverChooseTheTransport) {
  const ScopedVariable web("FLET_FORCE_WEB_SERVER", "1");
  const ScopedVariable bridge("FLET_DART_BRIDGE_PORT", "99");
  EXPECT_THAT(FletOnTcp(1), UnorderedElementsAre(
                                Pair("FLET_PLATFORM", "linux"), Pair("FLET_FORCE_WEB_SERVER", ""),
                                Pair("FLET_DART_BRIDGE_PORT", ""), Pair("FLET_SERVER_PORT", "1")));
  EXPECT_THAT(FletOnBridge(7), UnorderedElementsAre(Pair("FLET_PLATFORM", "linux"),
                                                    Pair("FLET_FORCE_WEB_SERVER", ""),
                                                    Pair("FLET_DART_BRIDGE_PORT", "7")));
}

TEST_F(FletEnvironmentTest, PutsTheShimFirstOnThePathAndKeepsWhatWasThere) {
  const std::string shim = "/parts/shim";
  {
    const ScopedVariable path("PYTHONPATH", std::nullopt);
    Environment environment;
    PointToShim(shim, environment);
    EXPECT_THAT(environment,
                UnorderedElementsAre(Pair("FLETBRIDGE_SHIM", shim), Pair("PYTHONPATH", shim)));
  }
  {
    const ScopedVariable path("PYTHONPATH", "");
    Environment environment;
    PointToShim(shim, environment);
    EXPECT_THAT(environment,
                UnorderedElementsAre(Pair("FLETBRIDGE_SHIM", shim),
                                     Pair("FLETBRIDGE_PYTHONPATH", ""), Pair("PYTHONPATH", shim)));
  }
  const ScopedVariable path("PYTHONPATH", "/a:/b");
  Environment environment;
  PointToShim(shim, environment);
  EXPECT_THAT(environment, UnorderedElementsAre(Pair("FLETBRIDGE_SHIM", shim),
                                                Pair("FLETBRIDGE_PYTHONPATH", "/a:/b"),
                                                Pair("PYTHONPATH", shim + ":/a:/b")));
}

}  // namespace
}  // namespace fletbridge
