// The examples by which flagd's own implementations are compared (open-feature/flagd-testbed), as a
// table: the same keys and contexts, since the buckets follow from their hashes.
#include <gtest/gtest.h>

#include "src/rollout/flags/flag_file.h"

namespace fletbridge {
namespace {

FlagFile FileOf(const std::string& flag, const std::string& body,
                const std::string& evaluators = "{}") {
  const Result<FlagFile> file = FlagFile::Parse("{\"flags\":{\"" + flag + "\":" + body +
                                                "},\"$evaluators\":" + evaluators + "}");
  if (!file) ADD_FAILURE() << file.error().context;
  return file ? *file : FlagFile();
}

// Variants named as their values, the last one the default.
std::string Flag(const std::vector<std::string>& variants, const std::string& targeting) {
  Json flag = {{"state", "ENABLED"}, {"defaultVariant", variants.back()}};
  for (const std::string& name : variants) flag["variants"][name] = name;
  flag["targeting"] = Json::parse(targeting);
  return flag.dump();
}

FlagAnswer Ask(const FlagFile& file, const std::string& flag, const std::string& context,
               Bucketing bucketing = Bucketing::kInteger, FlagType type = FlagType::kAny) {
  FlagQuestion question;
  question.flag = flag;
  question.context = Json::parse(context);
  question.bucketing = bucketing;
  question.type = type;
  question.unix_time = 1700000000;
  return file.Evaluate(question);
}

struct Case {
  std::string flag;
  std::string body;
  std::string context;
  std::string variant;
  std::string reason = "TARGETING_MATCH";
};

void Expect(const std::vector<Case>& cases, Bucketing bucketing = Bucketing::kInteger) {
  for (const Case& one : cases) {
    const FlagAnswer answer = Ask(FileOf(one.flag, one.body), one.flag, one.context, bucketing);
    EXPECT_EQ(answer.variant, one.variant) << one.flag << " with " << one.context << answer.detail;
    EXPECT_EQ(answer.reason, one.reason) << one.flag << " with " << one.context << answer.detail;
  }
}

std::string User(const std::string& name) { return R"({"user":{"name":")" + name + "\"}}"; }
std::string Target(const std::string& key) { return R"({"targetingKey":")" + key + "\"}"; }

const std::vector<std::string> kSuits = {"clubs", "diamonds", "hearts", "spades", "wild"};
const std::string kQuarters = R"(["clubs",25],["diamonds",25],["hearts",25],["spades",25]]})";
const std::string kByUser =
    Flag(kSuits,
         R"({"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"user.name"}]},)" + kQuarters);
const std::string kShared =
    Flag(kSuits, R"({"fractional":[{"cat":["shared-seed",{"var":"user.name"}]},)" + kQuarters);

TEST(Flagd, BucketsByIntegerArithmetic) {
  Expect({{"fractional-flag", kByUser, User("jack"), "hearts"},
          {"fractional-flag", kByUser, User("queen"), "spades"},
          {"fractional-flag", kByUser, User("ten"), "clubs"},
          {"fractional-flag", kByUser, User("nine"), "diamonds"},
          {"fractional-flag", kByUser, User("3"), "clubs"},
          {"any-flag", kShared, User("seven"), "hearts"},
          {"another-flag", kShared, User("eight"), "diamonds"},
          {"any-flag", kShared, User("nine"), "clubs"},
          {"another-flag", kShared, User("two"), "spades"}});
}

TEST(Flagd, BucketsByPercentageAsItDidBefore) {
  Expect({{"fractional-flag", kByUser, User("jack"), "spades"},
          {"fractional-flag", kByUser, User("queen"), "clubs"},
          {"fractional-flag", kByUser, User("ten"), "diamonds"},
          {"fractional-flag", kByUser, User("nine"), "hearts"},
          {"fractional-flag", kByUser, User("3"), "diamonds"},
          {"any-flag", kShared, User("jack"), "hearts"},
          {"any-flag", kShared, User("queen"), "spades"},
          {"any-flag", kShared, User("ten"), "hearts"},
          {"any-flag", kShared, User("nine"), "diamonds"}},
         Bucketing::kLegacy);
}

TEST(Flagd, BucketsByFlagAndTargetingKeyWhereNothingElseIsNamed) {
  const std::string shorthand =
      Flag({"heads", "tails", "draw"}, R"({"fractional":[["heads"],["tails",1]]})");
  const std::string single = Flag({"single", "fallback"}, R"({"fractional":[["single",1]]})");
  const std::vector<Case> cases = {
      {"fractional-flag-shorthand", shorthand, Target("jon@company.com"), "heads"},
      {"fractional-flag-shorthand", shorthand, Target("jane@company.com"), "tails"},
      {"fractional-single-entry-flag", single, Target("some-targeting-key"), "single"}};
  Expect(cases);
  Expect(cases, Bucketing::kLegacy);
}

TEST(Flagd, BucketsTheEdgesOfTheHash) {
  const std::string halves =
      Flag({"lower", "upper", "none"},
           R"({"fractional":[{"var":"targetingKey"},["lower",50],["upper",50]]})");
  Expect({{"edge", halves, Target("ejOoVL"), "lower"},
          {"edge", halves, Target("bY9fO-"), "lower"},
          {"edge", halves, Target("SI7p-"), "lower"},
          {"edge", halves, Target("6LvT0"), "upper"},
          {"edge", halves, Target("ceQdGm"), "upper"}});
}

TEST(Flagd, EvaluatesRulesInsideOfFractional) {
  const std::string names = Flag({"premium", "standard", "fallback"},
                                 R"({"fractional":[{"var":"targetingKey"},
               [{"if":[{"==":[{"var":"tier"},"premium"]},"premium","standard"]},50],
               ["standard",50]]})");
  const std::string colors = Flag({"red", "green", "blue", "fallback"},
                                  R"({"fractional":[{"var":"targetingKey"},
                                      [{"var":"color"},50],["blue",50]]})");
  const std::string weights =
      Flag({"red", "blue", "fallback"}, R"({"fractional":[{"var":"targetingKey"},
           ["red",{"if":[{"==":[{"var":"tier"},"premium"]},100,0]}],["blue",10]]})");
  const std::string jon = R"({"targetingKey":"jon@company.com",)";
  const std::string one = R"({"targetingKey":"user1",)";
  Expect({{"f", names, jon + R"("tier":"premium"})", "premium"},
          {"f", names, jon + R"("tier":"basic"})", "standard"},
          {"f", names, one + R"("tier":"premium"})", "standard"},
          {"f", colors, jon + R"("color":"red"})", "red"},
          {"f", colors, jon + R"("color":"green"})", "green"},
          {"f", colors, one + R"("color":"red"})", "blue"},
          {"f", colors, jon + R"("color":"yellow"})", "", "ERROR"},
          {"f", colors, jon + R"("color":""})", "", "ERROR"},
          {"f", weights, jon + R"("tier":"premium"})", "red"},
          {"f", weights, jon + R"("tier":"basic"})", "blue"},
          {"f", weights, one + R"("tier":"premium"})", "red"},
          {"f", weights, one + R"("tier":"basic"})", "blue"}});
}

TEST(Flagd, TakesFractionalAsACondition) {
  const auto flag = [](const char* no, const char* yes) {
    return Flag({"big", "small"}, R"({"if":[{"fractional":[[false,)" + std::string(no) +
                                      "],[true," + yes + R"(]]},"big","small"]})");
  };
  Expect({{"f", flag("0", "100"), Target("some-targeting-key"), "big"},
          {"f", flag("100", "0"), Target("some-targeting-key"), "small"}});
}

TEST(Flagd, GivesTheDefaultWhereFractionalHasNothingToSay) {
  const auto flag = [](const std::string& rule) { return Flag({"one", "two", "fallback"}, rule); };
  const std::string any = Target("any-user");
  Expect(
      {{"f", flag(R"({"fractional":[{"var":"no"},["one",50],["two",50]]})"), "{}", "fallback",
        "DEFAULT"},
       {"f", flag(R"({"fractional":[["one",50],["two",50]]})"), R"({"targetingKey":""})",
        "fallback", "DEFAULT"},
       {"f", flag(R"({"fractional":[["one",0],["two",0]]})"), any, "fallback", "DEFAULT"},
       {"f", flag(R"({"fractional":[["one",0.5],["two",1]]})"), any, "fallback", "DEFAULT"},
       {"f", flag(R"({"fractional":[["one","a"],["two",1]]})"), any, "fallback", "DEFAULT"},
       {"f", flag(R"({"fractional":[["one",2147483647],["two",1]]})"), any, "fallback", "DEFAULT"},
       {"f", flag(R"({"fractional":["x",["one",-50],["two",100]]})"), any, "two"}});
}

TEST(Flagd, ComparesVersions) {
  const std::string order = Flag({"equal", "greater", "lesser", "none"},
                                 R"({"if":[{"sem_ver":[{"var":"version"},"=","2.0.0"]},"equal",
          {"sem_ver":[{"var":"version"},">","2.0.0"]},"greater",
          {"sem_ver":[{"var":"version"},"<","2.0.0"]},"lesser","none"]})");
  const std::string range = Flag({"minor", "major", "none"},
                                 R"({"if":[{"sem_ver":[{"var":"version"},"~","3.0.0"]},"minor",
                                     {"sem_ver":[{"var":"version"},"^","3.0.0"]},"major","none"]})");
  const auto is = [](const std::string& rule) {
    return Flag({"match", "no-match"},
                R"({"if":[{"sem_ver":[{"var":"version"},)" + rule + R"(]},"match","no-match"]})");
  };
  const auto with = [](const std::string& version) { return R"({"version":)" + version + "}"; };
  Expect({{"f", order, with(R"("2.0.0")"), "equal"},
          {"f", order, with(R"("2.1.0")"), "greater"},
          {"f", order, with(R"("1.9.0")"), "lesser"},
          {"f", order, with(R"("2.0.0-alpha")"), "lesser"},
          {"f", order, with(R"("2.0.0.0")"), "none"},
          {"f", range, with(R"("3.0.1")"), "minor"},
          {"f", range, with(R"("3.1.0")"), "major"},
          {"f", range, with(R"("4.0.0")"), "none"},
          {"f", is(R"("=","v1.0.0")"), with(R"("V1.0.0")"), "match"},
          {"f", is(R"("=","v1.0.0")"), with(R"("2.0.0")"), "no-match"},
          {"f", is(R"("^","1")"), with(R"("1.5.0")"), "match"},
          {"f", is(R"("^","1")"), with("1"), "match"},
          {"f", is(R"("^","1")"), with("1.2"), "match"},
          {"f", is(R"(">","1.1")"), with("1.2"), "match"},
          {"f", is(R"(">","1.1")"), with("1.1"), "no-match"},
          {"f", is(R"(">","1.1")"), with("2"), "match"},
          {"f", is(R"("=","1.0.0+build")"), with(R"("1.0.0+other")"), "match"},
          {"f", is(R"("<","1.0.0-alpha.10")"), with(R"("1.0.0-alpha.9")"), "match"},
          {"f", is(R"("<","1.0.0-alpha.beta")"), with(R"("1.0.0-alpha.1")"), "match"},
          {"f", is(R"("=","1.0.0")"), with(R"("01.0.0")"), "no-match"}});
}

TEST(Flagd, GivesTheDefaultWhereAnOperatorsArgumentsMakeNoSense) {
  const auto flag = [](const std::string& rule) {
    return Flag({"true", "false", "fallback"}, rule);
  };
  for (const char* rule :
       {R"({"sem_ver":["not-a-version","=","1.0.0"]})", R"({"sem_ver":["1.0.0","===","1.0.0"]})",
        R"({"sem_ver":["1.0.0","="]})", R"({"starts_with":[123,"abc"]})",
        R"({"ends_with":[123,"x"]})", R"({"starts_with":["abc"]})", R"({"ends_with":["xyz"]})"}) {
    Expect({{"f", flag(rule), "{}", "fallback", "DEFAULT"}});
  }
  Expect({{"f", flag(R"({"sem_ver":["1.0.0","=","1.0.0"]})"), "{}", "true"},
          {"f", flag(R"({"starts_with":["abcdef","abc"]})"), "{}", "true"},
          {"f", flag(R"({"ends_with":["abcdef","abc"]})"), "{}", "false"}});
}

TEST(Flagd, FollowsReferencesToSharedRules) {
  const std::string body = Flag({"hi", "bye", "none"}, R"({"if":[{"$ref":"is_it"},"hi","bye"]})");
  const std::string shared = R"({"is_it":{"==":["b@example.com",{"var":["email"]}]}})";
  const FlagFile file = FileOf("f", body, shared);
  EXPECT_EQ(Ask(file, "f", R"({"email":"b@example.com"})").variant, "hi");
  EXPECT_EQ(Ask(file, "f", R"({"email":"c@example.com"})").variant, "bye");
  EXPECT_EQ(Ask(FileOf("f", body), "f", "{}").error_code, "PARSE_ERROR");
}

TEST(Flagd, GivesReasonsAndErrorCodesAsFlagdDoes) {
  const std::string key = "5c3d8535-f81a-4478-a6d3-afaa4d51199e";
  const std::string hit = Flag(
      {"hit", "miss"}, R"({"if":[{"==":[{"var":"targetingKey"},")" + key + R"("]},"hit",null]})");
  Expect(
      {{"f", hit, Target(key), "hit"},
       {"f", hit, Target("another"), "miss", "DEFAULT"},
       {"f", R"({"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"})", "{}", "on",
        "STATIC"},
       {"f", R"({"state":"ENABLED","variants":{"on":true},"defaultVariant":"on","targeting":{}})",
        "{}", "on", "STATIC"},
       {"f", R"({"state":"DISABLED","variants":{"on":true},"defaultVariant":"on"})", "{}", "",
        "DISABLED"},
       {"f", R"({"state":"ENABLED","variants":{"on":true},"defaultVariant":null})", "{}", "",
        "DEFAULT"},
       {"f", R"({"state":"ENABLED","variants":{"on":true}})", "{}", "", "DEFAULT"}});
  EXPECT_EQ(Ask(FileOf("f", hit), "missing-flag", "{}").error_code, "FLAG_NOT_FOUND");
  EXPECT_EQ(Ask(FileOf("f", hit), "f", "{}", Bucketing::kInteger, FlagType::kInteger).error_code,
            "TYPE_MISMATCH");
  EXPECT_EQ(Ask(FileOf("f", Flag({"a"}, R"("b")")), "f", "{}").error_code, "GENERAL");
  EXPECT_EQ(Ask(FileOf("f", Flag({"a"}, R"({"no such":[]})")), "f", "{}").error_code,
            "PARSE_ERROR");
}

TEST(Flagd, GivesZeroValuesOfEveryType) {
  struct Zero {
    FlagType type;
    const char* value;
  };
  for (const Zero& zero : {Zero{FlagType::kBoolean, "false"}, Zero{FlagType::kString, "\"\""},
                           Zero{FlagType::kInteger, "0"}, Zero{FlagType::kFloat, "0.0"},
                           Zero{FlagType::kObject, "{}"}}) {
    const FlagFile file =
        FileOf("f", R"({"state":"ENABLED","variants":{"zero":)" + std::string(zero.value) +
                        R"(},"defaultVariant":"zero"})");
    const FlagAnswer answer = Ask(file, "f", "{}", Bucketing::kInteger, zero.type);
    EXPECT_EQ(answer.reason, "STATIC") << answer.detail;
    EXPECT_EQ(answer.value, Json::parse(zero.value));
  }
}

TEST(Flagd, TellsTheTimeAndTheFlagToItsRules) {
  const FlagFile file = FileOf("f", Flag({"late", "early"},
                                         R"({"if":[{">=":[{"var":"$flagd.timestamp"},1700000000]},
                                             "late","early"]})"));
  EXPECT_EQ(Ask(file, "f", R"({"$flagd":{"timestamp":1}})").variant, "late");
}

TEST(Flagd, MergesTheMetadataOfSetAndFlag) {
  const Result<FlagFile> file = FlagFile::Parse(
      R"({"metadata":{"a":1,"b":1},"flags":[{"key":"f","state":"ENABLED","variants":{"x":1},
          "defaultVariant":"x","metadata":{"b":2}}]})");
  ASSERT_TRUE(file);
  EXPECT_EQ(Ask(*file, "f", "{}").metadata, Json({{"a", 1}, {"b", 2}}));
}

TEST(Flagd, RefusesWhatIsNoFlagFile) {
  for (const char* text : {"", "[]", "{", R"({"flags":3})", R"({"flags":{"f":3}})", "{\"flag\":{}}",
                           R"({"flags":{"f":{"variants":{"a":1},"defaultVariant":"b"}}})"}) {
    EXPECT_FALSE(FlagFile::Parse(text)) << text;
  }
  EXPECT_FALSE(FlagFile::Parse(std::string(kMaxFlagFileBytes + 1, ' ')));
  EXPECT_FALSE(FlagFile::Parse(R"({"flags":)" + std::string(1000, '[')));
}

}  // namespace
}  // namespace fletbridge
