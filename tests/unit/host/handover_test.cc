#include "src/host/handover.h"

#include <fcntl.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Handover Full() {
  Handover handover;
  handover.request.stage = "auto";
  handover.request.hosting = "static";
  handover.request.script = "app.py";
  handover.request.arguments = {"a b", "", "\xff\xfe no UTF-8", "漢"};
  handover.request.environment = {{"FLET_ASSETS_DIR", "/\xe9"}};
  handover.request.steps = "close\n";
  handover.request.limits.max_packet = 7;
  handover.python.path = "/venv/bin/python";
  handover.python.minor = 13;
  handover.plan.stage = "3";
  handover.plan.hostings = {Hosting::kStatic, Hosting::kLibrary};
  handover.plan.fallbacks = {{"3", "2", "why"}};
  handover.plan.shown_by = "desktop";
  handover.plan.client.folder = "/client";
  handover.start_ns = 123456789012345;
  handover.log_level = 2;
  return handover;
}

TEST(Handover, ArrivesAsItWasWhateverBytesItHas) {
  Result<UniqueFd> fd = WriteHandover(Full());
  ASSERT_TRUE(fd) << fd.error().Line();
  EXPECT_EQ(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0) << "the next program inherits it";
  const int number = fd->release();
  const Result<Handover> read = ReadHandover(number);
  ASSERT_TRUE(read) << read.error().Line();
  EXPECT_THAT(read->request.arguments, ElementsAre("a b", "", "\xff\xfe no UTF-8", "漢"));
  EXPECT_THAT(read->request.environment, ElementsAre(Pair("FLET_ASSETS_DIR", "/\xe9")));
  EXPECT_EQ(read->request.hosting, "static");
  EXPECT_EQ(read->request.steps, "close\n");
  EXPECT_EQ(read->request.limits.max_packet, 7u);
  EXPECT_EQ(read->python.path, "/venv/bin/python");
  EXPECT_EQ(read->python.minor, 13);
  EXPECT_THAT(read->plan.hostings, ElementsAre(Hosting::kStatic, Hosting::kLibrary));
  EXPECT_EQ(read->plan.fallbacks.front().why, "why");
  EXPECT_EQ(read->plan.shown_by, "desktop");
  EXPECT_EQ(read->plan.client.folder, "/client");
  EXPECT_EQ(read->start_ns, 123456789012345);
  EXPECT_EQ(read->log_level, 2);
  EXPECT_EQ(::fcntl(number, F_GETFD), -1) << "closed: no program of the app inherits it";
}

TEST(Handover, SaysWhatIsNone) {
  const Result<Handover> none = ReadHandover(::open("/dev/null", O_RDONLY));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().Line(), HasSubstr("what was handed over is broken"));
  const Result<Handover> closed = ReadHandover(9999);
  ASSERT_FALSE(closed);
  EXPECT_THAT(closed.error().Line(), HasSubstr("nothing was handed over"));
}

}  // namespace
}  // namespace fletbridge
