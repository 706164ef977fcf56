#include "common/config/setting_table.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge {
namespace {

TEST(SettingTable, HasSoundRows) {
  std::set<std::string_view> names;
  std::set<char> letters;
  for (const SettingSpec& spec : AllSettings()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_TRUE(spec.letter == 0 || letters.insert(spec.letter).second) << spec.name;
    EXPECT_FALSE(spec.help.empty()) << spec.name;
    EXPECT_FALSE(spec.group.empty()) << spec.name;
    EXPECT_TRUE(spec.initial.empty() || ParseSetting(spec, spec.initial)) << spec.name;
    EXPECT_EQ(spec.kind == SettingKind::kBool || spec.counted, spec.metavar.empty()) << spec.name;
  }
}

TEST(SettingTable, FindsNamesWithDashesAndUnderscores) {
  ASSERT_NE(FindSetting("log-level"), nullptr);
  EXPECT_EQ(FindSetting("log_level"), FindSetting("log-level"));
  EXPECT_EQ(FindSetting("loglevel"), nullptr);
  EXPECT_EQ(EnvironmentName(*FindSetting("log-level")), "FLETBRIDGE_LOG_LEVEL");
}

TEST(SettingTable, GuessesWhatAWrongNameMeant) {
  EXPECT_EQ(NearestSetting("stagee"), "stage");
  EXPECT_EQ(NearestSetting("LOG_LEVLE"), "log-level");
  EXPECT_EQ(NearestSetting("stgae"), "stage");
  EXPECT_EQ(NearestSetting("trans"), "transport");
  EXPECT_EQ(NearestSetting("colour"), "");
}

TEST(ParseBytes, ReadsUnitsOf1024) {
  EXPECT_EQ(*ParseBytes("64MiB"), 64u << 20);
  EXPECT_EQ(*ParseBytes("16M"), 16u << 20);
  EXPECT_EQ(*ParseBytes("1 gib"), 1u << 30);
  EXPECT_EQ(*ParseBytes("2k"), 2048u);
  EXPECT_EQ(*ParseBytes("512B"), 512u);
  EXPECT_EQ(*ParseBytes("65536"), 65536u);
}

TEST(ParseBytes, RefusesWhatIsNoSize) {
  for (const char* text : {"", "MiB", "-1", "1.5M", "64MB", "64 M iB", "0x10", "17179869184G",
                           "99999999999999999999"}) {
    EXPECT_FALSE(ParseBytes(text)) << text;
  }
}

TEST(FormatBytes, IsReadable) {
  EXPECT_EQ(FormatBytes(0), "0 bytes");
  EXPECT_EQ(FormatBytes(1), "1 byte");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(64u << 20), "64 MiB");
  EXPECT_EQ(FormatBytes(std::uint64_t{3} << 40), "3072 GiB");
}

TEST(ParseSetting, GivesValuesTheirOneForm) {
  EXPECT_EQ(*ParseSetting(*FindSetting("fallback"), "Yes"), "true");
  EXPECT_EQ(*ParseSetting(*FindSetting("fallback"), "0"), "false");
  EXPECT_EQ(*ParseSetting(*FindSetting("max-packet"), "1MiB"), "1048576");
  EXPECT_EQ(*ParseSetting(*FindSetting("ui"), "attach=tcp:127.0.0.1:0"), "attach=tcp:127.0.0.1:0");
}

TEST(ParseSetting, TakesEachNameOnceInTheTablesOrder) {
  const SettingSpec& spec = *FindSetting("accelerators");
  EXPECT_EQ(*ParseSetting(spec, "verify"), "verify");
  EXPECT_EQ(*ParseSetting(spec, "scan, diff,generated-code,scan"), "generated-code,diff,scan");
  for (const char* text : {"", ",", "diff,", "all,diff", "none,none", "Diff", "diff scan"}) {
    const Result<std::string> refused = ParseSetting(spec, text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().Line(),
              "use one of all, none, verify, or any of generated-code, creation, diff, events, "
              "encoding, switching, collecting, scan, with commas between");
  }
}

TEST(ParseSetting, SaysWhatIsAllowed) {
  const auto why = [](std::string_view name, std::string_view text) {
    const Result<std::string> value = ParseSetting(*FindSetting(name), text);
    return value ? "accepted " + *value : value.error().Line();
  };
  EXPECT_EQ(why("stage", "9"), "use one of legacy, 1, 2, 3, auto");
  EXPECT_EQ(why("quiet", "maybe"), "use true or false");
  EXPECT_EQ(why("port", "65536"), "use a whole number from 0 to 65535");
  EXPECT_EQ(why("max-packet", "3G"),
            "use a size from 1 byte to 2 GiB, such as 64MiB, 16M or 65536");
  EXPECT_EQ(why("report", ""), "use a path");
  EXPECT_THAT(why("ui", "attach=/tmp/x"), testing::HasSubstr("attach=unix:PATH"));
}

TEST(Quoted, KeepsEverythingOnOneShortLine) {
  EXPECT_EQ(Quoted("a\nb\x1b"), "\"a\\x0ab\\x1b\"");
  EXPECT_LT(Quoted(std::string(5000, 'x')).size(), 300u);
}

}  // namespace
}  // namespace fletbridge
