#include "src/rollout/validate_rollout.h"

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

// "LINE:COLUMN severity" and the text of the first problem that has `part` in its text.
std::string Found(const std::string& text, const std::string& part) {
  for (const FlagProblem& problem : ValidateRollout(text)) {
    if (problem.text.find(part) == std::string::npos) continue;
    return std::to_string(problem.place.line) + ":" + std::to_string(problem.place.column) +
           (problem.is_error ? " error" : " warning");
  }
  std::string all = "none with that text, but:";
  for (const FlagProblem& problem : ValidateRollout(text)) all += "\n" + problem.text;
  return all;
}

// Line 1 is the same in all: what is tried stands in line 2.
std::string Stage(const std::string& variants, const std::string& more) {
  return R"({"flags":{"fletbridge.stage":{"state":"ENABLED","variants":)" + variants + ",\n" +
         more + "}}}";
}
const char* const kVariants = R"({"one":"1","two":"2:tcp","three":"3"})";

TEST(ValidateRollout, FindsNothingInAGoodFile) {
  const std::string good = Stage(kVariants, R"("defaultVariant":"one","targeting":{"if":[
        {"sem_ver":[{"var":"appVersion"},">=","1.2.0"]},
        {"fractional":[["three",10],["two",20],["one",70]]}]})");
  EXPECT_TRUE(ValidateRollout(good).empty()) << ValidateRollout(good).front().text;
}

TEST(ValidateRollout, ShowsEachMistakeWithItsPlace) {
  struct Mistake {
    const char* line;
    const char* part;
    const char* place;
  };
  for (const Mistake& mistake : {
           Mistake{R"("defaultVariant":"on")", "no variant on", "2:18 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"fractoinal":[]})", "operator fractoinal",
                   "2:36 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"fractional":[["four",1]]})",
                   "no variant four", "2:52 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"fractional":[["one","1"]]})",
                   "a weight is a number", "2:58 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"fractional":[["one",1.5]]})",
                   "whole number", "2:58 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"fractional":[["one",0]]})",
                   "all weights are 0", "2:50 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"fractional":["one",1]})", "a bucket is",
                   "2:57 error"},
           Mistake{
               R"("defaultVariant":"one","targeting":{"if":[{"sem_ver":["1.0","==","1"]},"one"]})",
               "no operator", "2:61 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"if":[{"sem_ver":["a","=","1"]},"one"]})",
                   "no semantic version", "2:55 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"if":[true,"tow"]})", "no variant tow",
                   "2:48 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"$ref":"gone"})", "no gone",
                   "2:44 error"},
           Mistake{R"("defaultVariant":"one","targeting":{"==":[1,1],"!=":[1,2]})", "one operator",
                   "2:36 error"},
           Mistake{R"("defaultVariant":"one","tageting":{})", "no member tageting", "2:35 warning"},
           Mistake{R"("defaultVariant":"one","defaultVariant":"two")", "twice", "2:41 error"},
           Mistake{R"("metadata":{})", "without a defaultVariant", "1:30 warning"},
       }) {
    EXPECT_EQ(Found(Stage(kVariants, mistake.line), mistake.part), mistake.place) << mistake.line;
  }
}

TEST(ValidateRollout, KnowsTheStagesAndTheirTransports) {
  const char* const more = R"("defaultVariant":"a")";
  EXPECT_EQ(Found(Stage(R"({"a":"4"})", more), "no stage 4"), "1:65 error");
  EXPECT_EQ(Found(Stage(R"({"a":"3:uds"})", more), "no transport uds"), "1:65 error");
  EXPECT_EQ(Found(Stage(R"({"a":"2:pipe"})", more), "no transport pipe"), "1:65 error");
  EXPECT_EQ(Found(Stage(R"({"a":{"stage":"2","transprot":"tcp"}})", more), "transprot"),
            "1:65 error");
  EXPECT_TRUE(ValidateRollout(Stage(R"({"a":{"stage":2,"transport":"tcp"}})", more)).empty());
}

TEST(ValidateRollout, FindsReferencesThatGoInACircle) {
  EXPECT_EQ(Found("{\"flags\":{},\n\"$evaluators\":{\"a\":{\"$ref\":\"b\"},\"b\":{\"!\":[{\"$ref\":"
                  "\"a\"}]}}}",
                  "refers to itself"),
            "2:20 error");
}

TEST(ValidateRollout, WarnsOfBucketsThatMayTakeAStageAway) {
  const auto with = [](const std::string& buckets) {
    return Stage(kVariants, R"("defaultVariant":"one","targeting":{"fractional":)" + buckets + "}");
  };
  const std::string part = "not in the order of their stages";
  EXPECT_EQ(Found(with(R"([["two",10],["three",10],["one",80]])"), part), "2:50 warning");
  EXPECT_TRUE(ValidateRollout(with(R"([["one",80],["two",10],["three",10]])")).empty());
  EXPECT_EQ(Found(with(R"([{"var":"appVersion"},["three",1],["one",1]])"), "targetingKey"),
            "2:51 warning");
}

TEST(ValidateRollout, TellsWhereTheTextIsNoJson) {
  EXPECT_EQ(Found("{\n  \"flags\": {,}\n}", "no valid JSON"), "2:13 error");
}

}  // namespace
}  // namespace fletbridge
