#include "src/clients/client_search.h"

#include <chrono>
#include <filesystem>
#include <future>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/clients/client_pins.h"
#include "src/clients/client_store.h"
#include "tests/unit/clients/made_up_client.h"

namespace fletbridge {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

std::string ArchiveName() {
  utsname system{};
  ::uname(&system);
  const std::string machine = system.machine;
  return "flet-linux-" +
         (machine == "x86_64"    ? "amd64"
          : machine == "aarch64" ? "arm64"
                                 : machine) +
         ".tar.gz";
}

class ClientSearchTest : public testing::Test {
 protected:
  ClientSearch Search() {
    return SearchFrom([this](const char* name) -> std::string {
      if (std::string(name) == "HOME") return folder_.path();
      if (std::string(name) == "FLET_VIEW_PATH") return view_path_;
      return {};
    });
  }
  std::string Archive(int generation = 2, const std::string& version = "0.82.2") {
    folder_.Write("site/flet_desktop/version.py", "version = \"" + version + "\"\n");
    return MakeUpArchive(folder_, "site/flet_desktop/app/" + ArchiveName(), generation);
  }
  std::string Package() const { return folder_.path() + "/site/flet"; }
  std::vector<std::string> Entries(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
      names.push_back(entry.path().filename());
    return names;
  }

  TempFolder folder_;
  std::string view_path_;
};

TEST_F(ClientSearchTest, SaysInOneLineWhatToDoWithoutAClient) {
  const Result<FletClient> none = ChooseClient(Search());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kSetup);
  EXPECT_THAT(none.error().Line(), AllOf(HasSubstr("no Flet desktop client on this machine; "),
                                         HasSubstr("--flet-client"), HasSubstr("fletbridge client get")));
  EXPECT_EQ(none.error().Line().find('\n'), std::string::npos);
}

TEST_F(ClientSearchTest, TakesTheOneThatIsAskedForBeforeAllOthers) {
  Archive();
  view_path_ = MakeUpClient(folder_, "view");
  ClientSearch search = Search();
  search.flet_package = Package();
  search.asked = MakeUpClient(folder_, "mine", 3);
  const Result<FletClient> client = ChooseClient(search);
  ASSERT_TRUE(client) << client.error().Line();
  EXPECT_EQ(client->folder, folder_.path() + "/mine");
  EXPECT_EQ(client->source, "--flet-client");
  EXPECT_EQ(client->generation, 3);
}

TEST_F(ClientSearchTest, BelievesTheCompiledCodeMoreThanAFoldersName) {
  const FletClient client = LookAtClient(MakeUpClient(folder_, "flet-0.82.2", 3), "--flet-client");
  EXPECT_EQ(client.generation, 3);
}

TEST_F(ClientSearchTest, RefusesToReplaceTheOneThatIsAskedFor) {
  MakeUpClient(folder_, ".flet/client/flet-desktop-0.82.2");
  ClientSearch search = Search();
  search.asked = folder_.path();
  const Result<FletClient> client = ChooseClient(search);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().Line(), HasSubstr("no Flet client in " + folder_.path() +
                                               ": it has no lib/libflutter_linux_gtk.so"));
}

TEST_F(ClientSearchTest, RefusesOneWhoseDataAboutLettersAreDamaged) {
  ClientSearch search = Search();
  search.asked = MakeUpClient(folder_, "client");
  ASSERT_TRUE(ChooseClient(search));
  folder_.Write("client/data/icudtl.dat");
  const Result<FletClient> client = ChooseClient(search);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().Line(), HasSubstr("its data/icudtl.dat is damaged"));
}

TEST_F(ClientSearchTest, FollowsTheViewPathButNeverToOurOwnFlet) {
  view_path_ = MakeUpClient(folder_, "view");
  EXPECT_EQ(ChooseClient(Search())->source, "FLET_VIEW_PATH");
  folder_.Write("bin/flet", "ours");
  view_path_ = folder_.path() + "/bin";
  EXPECT_THAT(*FindClients(Search()), testing::IsEmpty());
}

TEST_F(ClientSearchTest, UnpacksTheClientOfTheAppsPackageOnceByItsContent) {
  Archive();
  ClientSearch search = Search();
  search.flet_package = Package();
  const Result<std::vector<FletClient>> found = FindClients(search);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().folder, "");  // looking unpacks nothing
  EXPECT_EQ(found->front().version, "0.82.2");
  EXPECT_EQ(found->front().generation, 2);

  const Result<FletClient> client = ChooseClient(search);
  ASSERT_TRUE(client) << client.error().Line();
  EXPECT_TRUE(fs::exists(client->engine()));
  EXPECT_EQ(client->version, "0.82.2");
  EXPECT_TRUE(client->folder.starts_with(search.store));
  // A file that is marked stays: nothing is unpacked a second time.
  folder_.Write(fs::path(client->folder).lexically_relative(folder_.path()) / "mark");
  EXPECT_EQ(ChooseClient(search)->folder, client->folder);
  EXPECT_TRUE(fs::exists(client->folder + "/mark"));
  EXPECT_EQ(FindClients(search)->front().folder, client->folder);
}

TEST_F(ClientSearchTest, UnpacksAnotherArchiveOfTheSameNameBesideIt) {
  Archive(2);
  ClientSearch search = Search();
  search.flet_package = Package();
  const std::string before = ChooseClient(search)->folder;
  Archive(3, "1.2.0");
  const Result<FletClient> after = ChooseClient(search);
  EXPECT_NE(after->folder, before);
  EXPECT_EQ(after->generation, 3);
  EXPECT_TRUE(fs::exists(before));
}

TEST_F(ClientSearchTest, UnpacksOneArchiveForManyAtOnce) {
  const std::string archive = Archive();
  const std::string store = Search().store;
  std::vector<std::future<Result<std::string>>> runs;
  for (int i = 0; i < 8; ++i)
    runs.push_back(std::async(std::launch::async, [&] { return UnpackedClient(store, archive); }));
  const Result<std::string> first = runs.front().get();
  ASSERT_TRUE(first) << first.error().Line();
  for (std::size_t i = 1; i < runs.size(); ++i) EXPECT_EQ(*runs[i].get(), *first);
  EXPECT_THAT(Entries(store),
              testing::UnorderedElementsAre("lock", "seen", fs::path(*first).filename().string()));
}

// What lies there is loaded as code.
TEST_F(ClientSearchTest, RefusesAStoreThatAnotherUserCouldHaveWrittenTo) {
  const std::string archive = Archive();
  ClientSearch search = Search();
  search.flet_package = Package();
  ASSERT_TRUE(ChooseClient(search));
  const std::string unpacked = *UnpackedClient(search.store, archive);
  const auto refused = [&](const std::string& why) {
    const Result<FletClient> client = ChooseClient(search);
    ASSERT_FALSE(client) << why;
    EXPECT_EQ(client.error().code, Errc::kUntrusted);
    EXPECT_THAT(client.error().Line(),
                AllOf(HasSubstr("cannot take Flet's client out of " + search.store), HasSubstr(why),
                      HasSubstr("remove that folder")));
    EXPECT_EQ(UnpackedBefore(search.store, archive), "");
  };
  ASSERT_EQ(::chmod(search.store.c_str(), 0777), 0);
  refused(search.store + " can be written by other users");
  ASSERT_EQ(::chmod(search.store.c_str(), 0755), 0);
  ASSERT_EQ(::chmod((unpacked + "/flet/lib").c_str(), 0775), 0);
  refused(unpacked + "/flet/lib can be written by other users");
  ASSERT_EQ(::chmod((unpacked + "/flet/lib").c_str(), 0755), 0);
  ASSERT_TRUE(ChooseClient(search));
  if (::geteuid() == 0) {  // else nobody's can be made
    for (const std::string& theirs : {search.store, unpacked, unpacked + "/flet/lib/libapp.so"}) {
      ASSERT_EQ(::chown(theirs.c_str(), 65534, 65534), 0);
      refused(theirs + " belongs to another user");
      ASSERT_EQ(::chown(theirs.c_str(), 0, 0), 0);
    }
  }
}

TEST_F(ClientSearchTest, OpensItsStoreToNobodyElse) {
  const mode_t before = ::umask(0);
  const Result<std::string> folder = UnpackedClient(Search().store, Archive());
  ::umask(before);
  ASSERT_TRUE(folder);
  struct stat info {};
  ASSERT_EQ(::stat(Search().store.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(ClientSearchTest, RefusesWhatAnotherUserHasPutIntoFletsCache) {
  const std::string folder = MakeUpClient(folder_, ".flet/client/flet-desktop-light-0.82.2");
  ASSERT_TRUE(ChooseClient(Search()));
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  const Result<FletClient> client = ChooseClient(Search());
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().Line(), HasSubstr("can be written by other users"));
}

TEST_F(ClientSearchTest, LeavesNothingOfAnArchiveThatIsCutOff) {
  const std::string archive = Archive();
  fs::resize_file(archive, fs::file_size(archive) / 2);
  // What a killed run has left half unpacked goes as well.
  folder_.Write(".cache/fletbridge/clients/abc.part/flet/lib/libapp.so", "half");
  ClientSearch search = Search();
  search.flet_package = Package();
  const Result<FletClient> client = ChooseClient(search);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().Line(), HasSubstr("cannot unpack Flet's client " + archive));
  EXPECT_THAT(Entries(search.store), testing::UnorderedElementsAre("lock", "seen"));
}

TEST_F(ClientSearchTest, TakesNothingOfAnArchiveThatLeadsOutOfItsFolder) {
  const std::string outside = folder_.path() + "/outside";
  fs::create_directories(outside);
  folder_.Write("a/evil", "code");
  folder_.Write("b/flet/evil", "code");
  fs::create_directories(folder_.path() + "/c");
  fs::create_symlink(outside, folder_.path() + "/c/flet");
  const auto tar = [&](const std::string& words) {
    ASSERT_EQ(std::system(("cd '" + folder_.path() + "' && tar -P " + words).c_str()), 0);
  };
  tar("--transform='s,^,../,' -cf up.tar -C a evil");
  tar("-cf link.tar -C c flet");
  tar("-rf link.tar -C b flet/evil");
  const std::string store = Search().store;
  for (const std::string& archive : {folder_.path() + "/up.tar", folder_.path() + "/link.tar"}) {
    ASSERT_EQ(std::system(("gzip '" + archive + "'").c_str()), 0);
    const Result<std::string> unpacked = UnpackedClient(store, archive + ".gz");
    ASSERT_FALSE(unpacked) << archive;
    EXPECT_THAT(unpacked.error().Line(), HasSubstr("cannot unpack Flet's client " + archive));
    EXPECT_THAT(Entries(store), testing::UnorderedElementsAre("lock", "seen"));
    EXPECT_THAT(Entries(outside), testing::IsEmpty());
  }
}

TEST_F(ClientSearchTest, FindsWhatFletItselfHasUnpacked) {
  MakeUpClient(folder_, ".flet/client/flet-desktop-light-0.82.2/flet");
  MakeUpClient(folder_, ".flet/bin/flet-0.28.3", 1);
  folder_.Write(".flet/client/flet-desktop-light-0.83.0.x8f/half");
  const Result<std::vector<FletClient>> found = FindClients(Search());
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].version, "0.82.2");
  EXPECT_EQ((*found)[0].obstacle, "");
  EXPECT_EQ((*found)[1].generation, 1);
  EXPECT_THAT((*found)[1].obstacle, HasSubstr("it speaks JSON, for apps with Flet up to 0.28"));
}

TEST_F(ClientSearchTest, TakesForAnAppThatSpeaksJsonItsOwnClientAlone) {
  MakeUpClient(folder_, ".flet/client/flet-desktop-light-0.82.2");
  ClientSearch search = Search();
  search.generation = 1;
  EXPECT_THAT((*FindClients(search))[0].obstacle, HasSubstr("cannot be translated to"));
  const Result<FletClient> none = ChooseClient(search);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().Line(), HasSubstr("shown by its own client alone: run it once"));
  MakeUpClient(folder_, ".flet/bin/flet-0.28.3", 1);
  const Result<FletClient> own = ChooseClient(search);
  ASSERT_TRUE(own) << own.error().Line();
  EXPECT_EQ(own->version, "0.28.3");
}

TEST_F(ClientSearchTest, TakesAClientOfTheAppsOwnGenerationFirst) {
  MakeUpClient(folder_, ".flet/client/flet-desktop-light-0.82.2");
  MakeUpClient(folder_, ".flet/client/flet-desktop-light-1.0.5", 3);
  ClientSearch search = Search();
  search.generation = 3;
  EXPECT_EQ(ChooseClient(search)->version, "1.0.5");
  search.generation = 2;
  EXPECT_EQ(ChooseClient(search)->version, "0.82.2");
}

TEST_F(ClientSearchTest, TellsTheGenerationByTheCodeWhereNoNameTellsTheVersion) {
  for (const int generation : {1, 2, 3}) {
    const FletClient client =
        LookAtClient(MakeUpClient(folder_, "c" + std::to_string(generation), generation), "test");
    EXPECT_EQ(client.generation, generation);
    EXPECT_EQ(client.version, "");
  }
  EXPECT_EQ(VersionInName("flet-desktop-full-1.0.5-0a1b2c3d4e5f"), "1.0.5");
  EXPECT_EQ(VersionInName("flet-desktop"), "");
}

TEST_F(ClientSearchTest, RefusesAnAddedClientThatHasChanged) {
  const std::string folder = MakeUpClient(folder_, "mine");
  ClientSearch search = Search();
  ASSERT_TRUE(PinClient(search.pins, {folder, "", 2, "", ""}));
  EXPECT_EQ(ChooseClient(search)->folder, folder);
  folder_.Write("mine/lib/libapp.so", std::string("c0de ") + TraceOf(2));
  for (const bool by_name : {false, true}) {
    if (by_name) search.asked = folder;
    const Result<FletClient> client = ChooseClient(search);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, Errc::kUntrusted);
    EXPECT_THAT(client.error().Line(), HasSubstr("has changed since it was added"));
  }
  ASSERT_TRUE(PinClient(search.pins, {folder, "", 2, "", ""}));
  EXPECT_TRUE(ChooseClient(search));
}

TEST_F(ClientSearchTest, TakesAnAddedClientThatWasOnlyTouched) {
  const std::string folder = MakeUpClient(folder_, "mine");
  ClientSearch search = Search();
  ASSERT_TRUE(PinClient(search.pins, {folder, "", 2, "", ""}));
  fs::last_write_time(folder + "/lib/libapp.so",
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_TRUE(ChooseClient(search));
}

TEST_F(ClientSearchTest, DoesNotForgetPinsThatItCannotRead) {
  folder_.Write(".local/share/fletbridge/clients.json", "{\"clients\": [");
  MakeUpClient(folder_, ".flet/client/flet-desktop-light-0.82.2");
  const Result<FletClient> client = ChooseClient(Search());
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().Line(), HasSubstr("cannot read the list of added clients"));
}

}  // namespace
}  // namespace fletbridge
