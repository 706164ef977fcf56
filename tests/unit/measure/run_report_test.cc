#include "common/measure/run_report.h"

#include <filesystem>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/config/temp_folder.h"

namespace fletbridge {
namespace {

using nlohmann::json;
using std::chrono::microseconds;

std::vector<std::string> Keys(const json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

RunReport FullReport() {
  RunReport report;
  report.version = "0.1.0";
  report.app = "app.py";
  report.flet = "1.0.5";
  report.generation = 3;
  report.python = "3.11.2";
  report.requested.stage = "3";
  report.requested.ui = "headless";
  report.requested.hosting = "auto";
  report.requested.accelerators = "diff,scan";
  report.accelerators.state = {{"diff", ""}, {"scan", "no scan"}};
  report.accelerators.counters = {{"nodes", ~std::uint64_t{0}}};
  report.accelerators.differences = {"at /1"};
  report.used.stage = "2";
  report.used.transport = "uds";
  report.used.ui = "headless";
  report.used.mode = "relayed";
  report.used.hosting = "library";
  report.used.hosting_why = "not interpreter: no extension";
  report.used.fallbacks = {{"3", "2", "no libpython"}};
  report.processes = {{"host", 1}, {"app", 2}};
  Timeline timeline(SteadyTime{});
  timeline.Mark(Milestone::kPythonReady, SteadyTime{microseconds(12345)});
  report.SetTimeline(timeline);
  report.packets.to_app = {3, 100};
  report.latency = PercentilesOf({1500, 2500, 4000});
  report.exit.code = 0;
  report.exit.reason = "steps finished";
  return report;
}

TEST(RunReport, HasTheKeysOfTheContract) {
  const json report = json::parse(ToJson(RunReport{}));
  using testing::UnorderedElementsAre;
  EXPECT_THAT(Keys(report), UnorderedElementsAre("version", "app", "flet", "generation",
                                                 "client_generation", "python", "requested", "used",
                                                 "rollout", "accelerators", "reloads", "processes",
                                                 "timeline_ms", "packets", "latency_us", "exit"));
  EXPECT_THAT(Keys(report["requested"]),
              UnorderedElementsAre("stage", "transport", "ui", "hosting", "accelerators"));
  EXPECT_THAT(Keys(report["accelerators"]),
              UnorderedElementsAre("verify", "state", "counters", "differences"));
  EXPECT_THAT(
      Keys(report["used"]),
      UnorderedElementsAre("stage", "transport", "ui", "ui_leg", "client", "mode", "why",
                           "mode_why", "hosting", "hosting_why", "accelerators", "fallbacks"));
  EXPECT_THAT(Keys(report["timeline_ms"]),
              UnorderedElementsAre("python_ready", "app_imported", "app_listening", "registered",
                                   "first_frame", "window_shown", "frame_drawn"));
  EXPECT_THAT(Keys(report["packets"]), UnorderedElementsAre("to_app", "to_ui"));
  EXPECT_THAT(Keys(report["packets"]["to_ui"]), UnorderedElementsAre("count", "bytes"));
  EXPECT_THAT(Keys(report["latency_us"]),
              UnorderedElementsAre("count", "p50", "p90", "p99", "max", "unclear"));
  EXPECT_THAT(Keys(report["exit"]), UnorderedElementsAre("code", "reason"));
}

TEST(RunReport, WritesNullForWhatIsUnknown) {
  const json report = json::parse(ToJson(RunReport{}));
  EXPECT_TRUE(report["flet"].is_null());
  EXPECT_TRUE(report["generation"].is_null());
  EXPECT_TRUE(report["requested"]["transport"].is_null());
  EXPECT_TRUE(report["timeline_ms"]["first_frame"].is_null());
  EXPECT_TRUE(report["packets"]["to_app"]["count"].is_null());
  EXPECT_TRUE(report["exit"]["code"].is_null());
  EXPECT_TRUE(report["latency_us"]["p50"].is_null());
  EXPECT_EQ(report["latency_us"]["count"], 0);
  EXPECT_TRUE(report["reloads"].is_null());
  EXPECT_EQ(report["processes"], json::array());
  EXPECT_EQ(report["used"]["fallbacks"], json::array());
  EXPECT_EQ(report["accelerators"]["state"], json::object());
  EXPECT_TRUE(report["accelerators"]["counters"].is_null());
  EXPECT_TRUE(report["rollout"].is_null());
}

TEST(RunReport, NamesTheRolloutAndItsVariant) {
  RunReport report;
  report.rollout = {"flags.json", "three", "variant three, STATIC", true};
  EXPECT_EQ(json::parse(ToJson(report))["rollout"],
            json::parse(R"({"address":"flags.json","variant":"three",
                            "why":"variant three, STATIC","chose":true})"));
}

TEST(RunReport, TellsWhatWasUsed) {
  const json report = json::parse(ToJson(FullReport()));
  EXPECT_EQ(report["requested"],
            json::parse(R"({"stage":"3","transport":null,"ui":"headless","hosting":"auto",
                               "accelerators":"diff,scan"})"));
  EXPECT_EQ(report["accelerators"], json::parse(R"({"verify":false,
      "state":{"diff":{"on":true,"why":null},"scan":{"on":false,"why":"no scan"}},
      "counters":{"nodes":18446744073709551615},"differences":["at /1"]})"));
  EXPECT_EQ(report["used"]["hosting"], "library");
  EXPECT_EQ(report["used"]["hosting_why"], "not interpreter: no extension");
  EXPECT_EQ(report["used"]["fallbacks"],
            json::parse(R"([{"from":"3","to":"2","why":"no libpython"}])"));
  EXPECT_EQ(report["processes"],
            json::parse(R"([{"role":"host","pid":1},{"role":"app","pid":2}])"));
  EXPECT_EQ(report["packets"]["to_app"], json::parse(R"({"count":3,"bytes":100})"));
  EXPECT_EQ(report["exit"], json::parse(R"({"code":0,"reason":"steps finished"})"));
  EXPECT_DOUBLE_EQ(report["timeline_ms"]["python_ready"], 12.345);
  EXPECT_DOUBLE_EQ(report["latency_us"]["p50"], 2.5);
  EXPECT_DOUBLE_EQ(report["latency_us"]["max"], 4.0);
}

TEST(RunReport, SurvivesBytesThatAreNoText) {
  RunReport report;
  report.app = "caf\xe9.py";
  EXPECT_EQ(json::parse(ToJson(report))["app"], "caf\uFFFD.py");
}

TEST(WriteReport, ReplacesWhatWasThereAndLeavesNothingElse) {
  const TempFolder folder;
  const std::string path = folder.Write("report.json", "old");
  ASSERT_TRUE(WriteReport(path, FullReport()));
  EXPECT_EQ(folder.Read("report.json"), ToJson(FullReport()));
  const auto files = std::distance(std::filesystem::directory_iterator(folder.path()), {});
  EXPECT_EQ(files, 1);
}

TEST(WriteReport, WritesThroughASymbolicLink) {
  const TempFolder folder;
  folder.Write("real/report.json", "old");
  std::filesystem::create_symlink("real/report.json", folder.path() + "/link.json");
  ASSERT_TRUE(WriteReport(folder.path() + "/link.json", FullReport()));
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() + "/link.json"));
  EXPECT_EQ(folder.Read("real/report.json"), ToJson(FullReport()));
}

TEST(WriteReport, SaysInOneLineThatTheFolderIsMissing) {
  const TempFolder folder;
  const std::string path = folder.path() + "/none/report.json";
  const Result<> written = WriteReport(path, FullReport());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().Line(), "cannot write the report " + path + ": there is no folder " +
                                        folder.path() + "/none; choose another file");
  EXPECT_FALSE(CheckReportPath(path));
  EXPECT_FALSE(CheckReportPath(folder.path()));
  EXPECT_TRUE(CheckReportPath(folder.path() + "/report.json"));
}

TEST(WriteReport, SaysInOneLineThatTheDiskIsFull) {
  const Result<> written = WriteReport("/dev/full", FullReport());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().Line(),
            "cannot write the report /dev/full: No space left on device; "
            "choose another file");
}

TEST(RunReport, EndsTheImportsBeforeTheAppListensWhicheverOfTheTwoIsReadFirst) {
  Timeline timeline(SteadyTime{});
  timeline.Mark(Milestone::kAppListening, SteadyTime{microseconds(2000)});
  timeline.Mark(Milestone::kAppImported, SteadyTime{microseconds(2010)});
  RunReport report;
  report.SetTimeline(timeline);
  const json times = json::parse(ToJson(report))["timeline_ms"];
  EXPECT_DOUBLE_EQ(times["app_imported"], 2.0);
  EXPECT_DOUBLE_EQ(times["app_listening"], 2.0);
}

}  // namespace
}  // namespace fletbridge
