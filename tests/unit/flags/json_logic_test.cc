#include "src/rollout/flags/json_logic.h"

#include <cmath>

#include <gtest/gtest.h>

namespace fletbridge {
namespace {

struct Case {
  const char* rule;
  const char* data;
  const char* result;
};

Json Evaluated(const char* rule, const char* data) {
  const JsonLogic logic;
  const Result<Json> result = logic.Evaluate(Json::parse(rule), Json::parse(data));
  return result ? *result : Json("error: " + result.error().context);
}

// NaN and infinity are null in JSON, as JavaScript's JSON.stringify() has it.
std::string Written(const Json& json) { return json.dump(); }

class JsonLogicTable : public testing::TestWithParam<Case> {};

TEST_P(JsonLogicTable, GivesWhatJavaScriptGives) {
  const Case& one = GetParam();
  EXPECT_EQ(Written(Evaluated(one.rule, one.data)), Written(Json::parse(one.result)))
      << one.rule << " with " << one.data;
}

INSTANTIATE_TEST_SUITE_P(
    Values, JsonLogicTable,
    testing::Values(Case{"17", "{}", "17"}, Case{R"("apple")", "{}", R"("apple")"},
                    Case{"null", "{}", "null"}, Case{"{}", "{}", "{}"},
                    Case{R"({"a":1,"b":{"+":[1,1]}})", "{}", R"({"a":1,"b":{"+":[1,1]}})"},
                    Case{R"([1,{"+":[1,1]}])", "{}", "[1,2]"}));

INSTANTIATE_TEST_SUITE_P(
    Equality, JsonLogicTable,
    testing::Values(
        Case{R"({"==":[1,"1"]})", "{}", "true"}, Case{R"({"==":["1.000",true]})", "{}", "true"},
        Case{R"({"==":[null,0]})", "{}", "false"}, Case{R"({"==":[null,null]})", "{}", "true"},
        Case{R"({"==":[null]})", "{}", "true"}, Case{R"({"==":["",0]})", "{}", "true"},
        Case{R"({"==":["0x10",16]})", "{}", "true"}, Case{R"({"==":["a",0]})", "{}", "false"},
        Case{R"({"==":[[],""]})", "{}", "true"}, Case{R"({"==":[[1],1]})", "{}", "true"},
        Case{R"({"==":[[],[]]})", "{}", "false"}, Case{R"({"===":[1,"1"]})", "{}", "false"},
        Case{R"({"===":[1,1.0]})", "{}", "true"}, Case{R"({"===":["a","a"]})", "{}", "true"},
        Case{R"({"!=":[1,"1"]})", "{}", "false"}, Case{R"({"!==":[1,"1"]})", "{}", "true"}));

INSTANTIATE_TEST_SUITE_P(Order, JsonLogicTable,
                         testing::Values(Case{R"({"<":[1,2]})", "{}", "true"},
                                         Case{R"({"<":[1,2,3]})", "{}", "true"},
                                         Case{R"({"<":[1,4,3]})", "{}", "false"},
                                         Case{R"({"<=":[1,1,1]})", "{}", "true"},
                                         Case{R"({">":["10",9]})", "{}", "true"},
                                         Case{R"({">":["10","9"]})", "{}", "false"},
                                         Case{R"({"<":[null,1]})", "{}", "true"},
                                         Case{R"({">=":[null,0]})", "{}", "true"},
                                         Case{R"({"<":[1,"a"]})", "{}", "false"},
                                         Case{R"({">":[1,"a"]})", "{}", "false"},
                                         Case{R"({"<":[0]})", "{}", "false"}));

INSTANTIATE_TEST_SUITE_P(
    Truth, JsonLogicTable,
    testing::Values(Case{R"({"!!":[[]]})", "{}", "false"}, Case{R"({"!!":[[0]]})", "{}", "true"},
                    Case{R"({"!!":"0"})", "{}", "true"}, Case{R"({"!!":""})", "{}", "false"},
                    Case{R"({"!":0})", "{}", "true"}, Case{R"({"!":[]})", "{}", "true"},
                    Case{R"({"!!":[{}]})", "{}", "true"},
                    Case{R"({"and":[1,"",3]})", "{}", R"("")"},
                    Case{R"({"and":[1,2,3]})", "{}", "3"}, Case{R"({"or":[0,"",3]})", "{}", "3"},
                    Case{R"({"or":[0,false]})", "{}", "false"},
                    Case{R"({"!!":{"%":[1,0]}})", "{}", "false"}));

INSTANTIATE_TEST_SUITE_P(
    If, JsonLogicTable,
    testing::Values(Case{R"({"if":[true,"a","b"]})", "{}", R"("a")"},
                    Case{R"({"if":[false,"a"]})", "{}", "null"},
                    Case{R"({"if":[0,"a",0,"b","c"]})", "{}", R"("c")"},
                    Case{R"({"if":["x"]})", "{}", R"("x")"}, Case{R"({"if":[]})", "{}", "null"},
                    Case{R"({"?:":[true,1,2]})", "{}", "1"},
                    // What is not chosen is not evaluated, so it may even be wrong.
                    Case{R"({"if":[true,"a",{"no such":1}]})", "{}", R"("a")"}));

INSTANTIATE_TEST_SUITE_P(
    Arithmetic, JsonLogicTable,
    testing::Values(Case{R"({"+":[1,"2",3]})", "{}", "6"},
                    Case{R"({"+":["3.14 apples"]})", "{}", "3.14"}, Case{R"({"+":[]})", "{}", "0"},
                    Case{R"({"+":["a"]})", "{}", "null"}, Case{R"({"*":[2,"3"]})", "{}", "6"},
                    Case{R"({"*":["x"]})", "{}", R"("x")"}, Case{R"({"-":[5,"2"]})", "{}", "3"},
                    Case{R"({"-":2})", "{}", "-2"}, Case{R"({"/":[1,4]})", "{}", "0.25"},
                    Case{R"({"/":[1,0]})", "{}", "null"}, Case{R"({"%":[-5,3]})", "{}", "-2"},
                    Case{R"({"%":[101,2]})", "{}", "1"}, Case{R"({"min":[3,"1",2]})", "{}", "1"},
                    Case{R"({"max":[1,null,-2]})", "{}", "1"},
                    Case{R"({"max":[1,"a"]})", "{}", "null"},
                    Case{R"({"+":[0.1,0.2]})", "{}", "0.30000000000000004"}));

INSTANTIATE_TEST_SUITE_P(
    Text, JsonLogicTable,
    testing::Values(Case{R"({"cat":["a",1,true,null,2.50]})", "{}", R"("a1true2.5")"},
                    Case{R"({"cat":[[1,[2,null]],{"a":1,"b":2}]})", "{}",
                         R"("1,2,[object Object]")"},
                    Case{R"({"cat":[1e21,1e-7,123456789012345680000]})", "{}",
                         R"("1e+211e-7123456789012345680000")"},
                    Case{R"({"substr":["jsonlogic",4]})", "{}", R"("logic")"},
                    Case{R"({"substr":["jsonlogic",-5]})", "{}", R"("logic")"},
                    Case{R"({"substr":["jsonlogic",0,4]})", "{}", R"("json")"},
                    Case{R"({"substr":["jsonlogic",-5,-2]})", "{}", R"("log")"},
                    Case{R"({"substr":["jsonlogic",4,-99]})", "{}", R"("")"},
                    Case{R"({"substr":["käse",1,2]})", "{}", R"("äs")"},
                    Case{R"({"in":["Spring","Springfield"]})", "{}", "true"},
                    Case{R"({"in":["x",["y","x"]]})", "{}", "true"},
                    Case{R"({"in":[1,["1"]]})", "{}", "false"},
                    Case{R"({"in":["x",5]})", "{}", "false"}));

INSTANTIATE_TEST_SUITE_P(
    Data, JsonLogicTable,
    testing::Values(Case{R"({"var":"a.b"})", R"({"a":{"b":3}})", "3"},
                    Case{R"({"var":"a.1.c"})", R"({"a":[0,{"c":7}]})", "7"},
                    Case{R"({"var":["x","dflt"]})", R"({"a":1})", R"("dflt")"},
                    Case{R"({"var":["a","dflt"]})", R"({"a":null})", "null"},
                    Case{R"({"var":["a.b",9]})", R"({"a":null})", "9"},
                    Case{R"({"var":""})", "[1,2]", "[1,2]"},
                    Case{R"({"var":1})", R"(["a","b"])", R"("b")"},
                    Case{R"({"var":"01"})", R"(["a","b"])", "null"},
                    Case{R"({"missing":["a","b"]})", R"({"a":1})", R"(["b"])"},
                    Case{R"({"missing":{"merge":["a",["b","c"]]}})", R"({"b":""})",
                         R"(["a","b","c"])"},
                    Case{R"({"missing_some":[1,["a","b"]]})", R"({"a":1})", "[]"},
                    Case{R"({"missing_some":[2,["a","b","c"]]})", R"({"a":1})", R"(["b","c"])"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, JsonLogicTable,
    testing::Values(
        Case{R"({"filter":[{"var":"n"},{">":[{"var":""},1]}]})", R"({"n":[1,2,3]})", "[2,3]"},
        Case{R"({"map":[{"var":"n"},{"*":[{"var":""},2]}]})", R"({"n":[1,2]})", "[2,4]"},
        Case{R"({"map":[{"var":"no"},1]})", "{}", "[]"},
        Case{R"({"reduce":[{"var":"n"},{"+":[{"var":"current"},{"var":"accumulator"}]},5]})",
             R"({"n":[1,2]})", "8"},
        Case{R"({"reduce":[{"var":"no"},1,"initial"]})", "{}", R"("initial")"},
        Case{R"({"all":[[],true]})", "{}", "false"},
        Case{R"({"all":[[1,2],{">":[{"var":""},0]}]})", "{}", "true"},
        Case{R"({"some":[[1,2],{">":[{"var":""},1]}]})", "{}", "true"},
        Case{R"({"some":[[],true]})", "{}", "false"}, Case{R"({"none":[[],true]})", "{}", "true"},
        Case{R"({"none":[[1],{"==":[{"var":""},1]}]})", "{}", "false"},
        Case{R"({"merge":[1,[2,[3]],[]]})", "{}", "[1,2,[3]]"},
        Case{R"({"log":"apple"})", "{}", R"("apple")"}));

TEST(JsonLogic, NamesAnOperatorThatItDoesNotKnow) {
  EXPECT_NE(Evaluated(R"({"fractoinal":[1]})", "{}").dump().find("unknown operator fractoinal"),
            std::string::npos);
}

TEST(JsonLogic, EndsARuleThatRefersToItself) {
  const Json references = Json::parse(R"({"a":{"!":[{"$ref":"b"}]},"b":{"$ref":"a"}})");
  JsonLogic logic;
  logic.SetReferences(&references);
  const Result<Json> result = logic.Evaluate(Json::parse(R"({"$ref":"a"})"), {});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().context.find("too deeply"), std::string::npos);
}

// A text that doubles 60 times would not fit into any memory.
TEST(JsonLogic, EndsARuleThatGrowsWithoutBound) {
  Json list = Json::array();
  for (int i = 0; i < 60; ++i) list.push_back(i);
  const Json twice = Json::parse(R"({"cat":[{"var":"accumulator"},{"var":"accumulator"}]})");
  const JsonLogic logic;
  EXPECT_FALSE(logic.Evaluate({{"reduce", {list, twice, "0123456789abcdef"}}}, {}));
  const Json nested = Json::parse(R"({"merge":[[{"var":"accumulator"},{"var":"accumulator"}]]})");
  EXPECT_FALSE(logic.Evaluate({{"reduce", {list, nested, 1}}}, {}));
}

}  // namespace
}  // namespace fletbridge
