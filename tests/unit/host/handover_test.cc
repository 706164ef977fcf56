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
  handover.chosen.stage = "3";
  handover.chosen.hostings = {Hosting::kStatic, Hosting::kLibrary};
  handover.chosen.fallbacks = {{"3", "2", "why"}};
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
  EXPECT_THAT(read->chosen.hostings, ElementsAre(Hosting::kStatic, Hosting::kLibrary));
  EXPECT_EQ(read->chosen.fallbacks.front().why, "why");
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

RunRequest Asking(const std::string& stage, const std::string& hosting, bool fallback = false) {
  RunRequest request;
  request.stage = stage;
  request.hosting = hosting;
  request.fallback = fallback;
  return request;
}

// One that cannot be hosted in any way.
Interpreter Lonely() {
  Interpreter python;
  python.path = "/p";
  python.major = 3;
  python.minor = 10;
  python.libpython_hint = "install it";
  python.extension_obstacle = "too old";
  return python;
}

TEST(ChooseStage, NeedsNoLibraryInTheGenuineInterpreter) {
  Interpreter python = Lonely();
  python.extension_obstacle.clear();
  const Result<ChosenStage> chosen = ChooseStage(Asking("auto", "auto"), python);
  ASSERT_TRUE(chosen) << chosen.error().Line();
  EXPECT_EQ(chosen->stage, "3");
  EXPECT_THAT(chosen->hostings, ElementsAre(Hosting::kInterpreter));
}

TEST(ChooseStage, ReplacesAHostingThatWasNamedOnlyWhereThatIsAllowed) {
  Interpreter python = Lonely();
  python.extension_obstacle.clear();
  for (const char* stage : {"auto", "3", "2"}) {
    const Result<ChosenStage> refused = ChooseStage(Asking(stage, "library"), python);
    ASSERT_FALSE(refused) << stage;
    EXPECT_THAT(refused.error().Line(), HasSubstr("not library: "));
  }
  const Result<ChosenStage> other = ChooseStage(Asking("2", "library", true), python);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->stage, "2");
  EXPECT_THAT(other->hostings, ElementsAre(Hosting::kInterpreter));
  EXPECT_THAT(other->hosting_why, HasSubstr("not library: "));
}

TEST(ChooseStage, RefusesAnInterpreterThatLoadsNoShimOnEachStage) {
  Interpreter python = Lonely();
  python.shim_obstacle = "it is started with -I";
  for (const char* stage : {"auto", "1"}) {
    const Result<ChosenStage> refused = ChooseStage(Asking(stage, "auto"), python);
    ASSERT_FALSE(refused) << stage;
    EXPECT_THAT(refused.error().Line(), HasSubstr("/p cannot be used: it is started with -I"));
    EXPECT_EQ(refused.error().Line().find("--fallback"), std::string::npos) << "none is lower";
  }
}

TEST(ChooseStage, FallsToTwoProcessesWhereNothingCanBeHosted) {
  const Result<ChosenStage> chosen = ChooseStage(Asking("auto", "auto"), Lonely());
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->stage, "1");
  EXPECT_TRUE(chosen->hostings.empty());
  EXPECT_THAT(chosen->why, HasSubstr("too old"));
  EXPECT_THAT(chosen->why, HasSubstr("install it"));
  const Result<ChosenStage> first = ChooseStage(Asking("1", "static"), Lonely());
  ASSERT_TRUE(first) << "no matter for a stage that hosts nothing";
}

}  // namespace
}  // namespace fletbridge
