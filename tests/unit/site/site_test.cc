#include "common/site/site.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/site/gzip.h"
#include "tests/unit/config/temp_folder.h"

namespace fletbridge::web {
namespace {

using Kind = Site::Found::Kind;
using testing::HasSubstr;
using testing::Not;

const char kIndex[] =
    "<html><head>\n  <base href=\"/\">\n  <script>var flet = {};</script>\n"
    "  <!-- fletAppConfig -->\n</head></html>";

class WebSite : public testing::Test {
 protected:
  WebSite() {
    std::filesystem::create_directories(folder_.path() + "/web/assets");
    std::filesystem::create_directories(folder_.path() + "/app/sub");
    folder_.Write("web/index.html", kIndex);
    folder_.Write("web/manifest.json", "{}");
    folder_.Write("web/main.dart.mjs", std::string(5000, 'a'));
    folder_.Write("web/assets/FontManifest.json", "[]");
    folder_.Write("app/a picture.png", "png");
    folder_.Write("app/sub/data", "data");
    folder_.Write("secret", "secret");
  }

  void Make(const std::string& mount = "") {
    SiteOptions options{folder_.path() + "/web", folder_.path() + "/app", mount};
    Result<std::unique_ptr<Site>> made = MakeSite(options);
    ASSERT_TRUE(made) << made.error().Line();
    site_ = std::move(*made);
  }
  std::string Bytes(std::string_view path) {
    const Site::Found found = site_->Find(path);
    return found.kind == Kind::kBody ? found.body->bytes : "none";
  }

  TempFolder folder_;
  std::unique_ptr<Site> site_;
};

TEST_F(WebSite, TheIndexIsAdaptedToTheRun) {
  Make("/a/b");
  const std::string index = Bytes("/a/b/");
  EXPECT_THAT(index, HasSubstr("<base href=\"/a/b/\">"));
  EXPECT_THAT(index, HasSubstr("flet.webSocketEndpoint=\"/a/b/ws\";"));
  EXPECT_THAT(index, HasSubstr("flet.pyodide = false;"));
  EXPECT_THAT(index, HasSubstr("flet.noCdn=true;"));
  EXPECT_THAT(index, HasSubstr("flet.canvasKitBaseUrl=\"/a/b/canvaskit/\";"));
  EXPECT_THAT(index, Not(HasSubstr("fletAppConfig")));
  EXPECT_EQ(site_->Find("/a/b").kind, Kind::kRedirect);
  EXPECT_EQ(site_->Find("/").kind, Kind::kNone);
  EXPECT_EQ(site_->Find("/a/bc").kind, Kind::kNone);
}

TEST_F(WebSite, ARouteOfThePageIsTheIndexAndAFileThatIsNotThereIsNone) {
  Make();
  const std::string index = Bytes("/");
  for (const char* route : {"/shop", "/shop/12/", "/shop.html", "/v1.2/x", "/ws", "/index.html"})
    EXPECT_EQ(Bytes(route), index) << route;
  for (const char* file : {"/none.png", "/a/none.js", "/x.HTML.bak"})
    EXPECT_EQ(site_->Find(file).kind, Kind::kNone) << file;
}

TEST_F(WebSite, TheAppsAssetsComeFirstAndAreItsOwn) {
  folder_.Write("app/main.dart.mjs", "the app's");
  Make();
  EXPECT_EQ(Bytes("/a%20picture.png"), "png");
  EXPECT_EQ(Bytes("/sub/data"), "data");
  EXPECT_EQ(Bytes("/main.dart.mjs"), "the app's");
  EXPECT_TRUE(site_->Find("/sub/data").is_private);
  EXPECT_FALSE(site_->Find("/manifest.json").is_private);
  EXPECT_THAT(Bytes("/assets/FontManifest.json"), HasSubstr("roboto.woff2"));
}

TEST_F(WebSite, NoPathLeavesTheFolders) {
  std::filesystem::create_symlink(folder_.path() + "/secret", folder_.path() + "/app/link.png");
  std::filesystem::create_symlink(folder_.path(), folder_.path() + "/app/up");
  std::filesystem::create_symlink("sub/data", folder_.path() + "/app/inside.png");
  Make();
  for (const char* bad : {"/../secret", "/%2e%2e/secret", "/sub/../../secret", "/..%2fsecret",
                          "/..%5csecret", "/a\\b", "/%00", "/%", "/%zz", "/.", "/sub/./data"})
    EXPECT_EQ(site_->Find(bad).kind, Kind::kBad) << bad;
  EXPECT_EQ(site_->Find("/link.png").kind, Kind::kNone);
  EXPECT_NE(Bytes("/up/secret"), "secret");
  EXPECT_NE(Bytes("//etc/passwd"), "none");  // a route, as any other
  EXPECT_EQ(Bytes("/inside.png"), "data");
  EXPECT_EQ(site_->Find("/sub").kind, Kind::kBody);  // a folder is a route too
}

TEST_F(WebSite, AChangedFileIsReadAnew) {
  Make();
  EXPECT_EQ(Bytes("/sub/data"), "data");
  const std::string tag = site_->Find("/sub/data").body->etag;
  EXPECT_EQ(site_->Find("/sub/data").body->etag, tag);
  folder_.Write("app/sub/data", "other data");
  EXPECT_EQ(Bytes("/sub/data"), "other data");
  EXPECT_NE(site_->Find("/sub/data").body->etag, tag);
}

TEST_F(WebSite, TextIsCompressedAndPicturesAreNot) {
  folder_.Write("app/large.png", std::string(5000, 'a'));
  Make();
  const auto text = site_->Find("/main.dart.mjs").body;
  EXPECT_EQ(text->type, "text/javascript; charset=utf-8");
  EXPECT_LT(text->gzip.size(), 200U);
  EXPECT_TRUE(site_->Find("/large.png").body->gzip.empty());
}

TEST_F(WebSite, AFolderThatIsNoWebClientIsSaid) {
  const Result<std::unique_ptr<Site>> made = MakeSite({folder_.path() + "/app", "", ""});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().Line(), HasSubstr("--web-client"));
}

TEST(WebGzip, IsWhatGunzipReads) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i * 7919 % 1000) + " ";
  const std::string file = folder.Write("text.gz", Gzip(text));
  const std::string command = "gunzip -c " + file + " > " + folder.path() + "/text";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(std::filesystem::file_size(folder.path() + "/text"), text.size());
  EXPECT_LT(Gzip(text).size(), text.size() / 2);
}

TEST(WebRange, IsOnePartOrTheWhole) {
  using K = ByteRange::Kind;
  const auto is = [](std::string_view header, K kind, std::size_t first, std::size_t count) {
    const ByteRange range = ParseRange(header, 10);
    EXPECT_EQ(range.kind, kind) << header;
    EXPECT_EQ(range.first, first) << header;
    EXPECT_EQ(range.count, count) << header;
  };
  is("bytes=0-3", K::kPart, 0, 4);
  is("bytes=4-", K::kPart, 4, 6);
  is("bytes=-3", K::kPart, 7, 3);
  is("bytes=-30", K::kPart, 0, 10);
  is("bytes=8-99", K::kPart, 8, 2);
  is("bytes=10-", K::kNone, 0, 0);
  is("bytes=-0", K::kNone, 0, 0);
  for (const char* odd : {"", "bytes", "bytes=", "bytes=-", "bytes=4-2", "bytes=0-1,3-4",
                          "items=0-1", "bytes=a-b", "bytes=99999999999999999999-"})
    is(odd, K::kAll, 0, 0);
}

TEST(WebHeaders, TagsAndEncodingsAreRead) {
  EXPECT_TRUE(TagMatches("\"a\", W/\"b\"", "\"b\""));
  EXPECT_TRUE(TagMatches("*", "\"b\""));
  EXPECT_FALSE(TagMatches("\"a\"", "\"b\""));
  EXPECT_FALSE(TagMatches("", "\"b\""));
  EXPECT_TRUE(Takes("deflate, gzip;q=0.5", "gzip"));
  EXPECT_FALSE(Takes("br, gzip;q=0", "gzip"));
  EXPECT_FALSE(Takes("", "gzip"));
  EXPECT_TRUE(Takes("gzip, deflate, br, zstd", "br"));
  EXPECT_FALSE(Takes("gzip, deflate", "br"));
  EXPECT_TRUE(Takes("gzip;q=0, *", "br"));
  EXPECT_FALSE(Takes("*, br;q=0", "br"));
}

}  // namespace
}  // namespace fletbridge::web
