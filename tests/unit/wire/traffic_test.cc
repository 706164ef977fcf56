// What real Flet apps and Flet's real client said to each other (tests/traffic), read as it came
// and however it is cut, told apart, and translated.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/stream_decoder.h"
#include "common/wire/translator.h"

namespace fletbridge {
namespace {

using testing::IsEmpty;
using wire::Value;

constexpr Generation kG2 = Generation::kG2;
constexpr Generation kG3 = Generation::kG3;
constexpr std::size_t kLimit = std::size_t{1} << 20;

std::string Traffic(const std::string& name) {
  std::ifstream file(std::filesystem::path(TRAFFIC) / name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Reader final : FrameHandler {
  explicit Reader(Generation generation) : decoder(generation, kLimit) {}
  void OnFrame(Packet&& packet) override { packets.push_back(std::move(packet)); }
  void OnOversizedFrame(std::size_t bytes) override { ADD_FAILURE() << bytes; }
  void Feed(std::string_view stream, std::size_t piece) {
    while (!stream.empty()) {
      const std::span<std::byte> room = decoder.Room();
      const std::size_t n = std::min({room.size(), stream.size(), piece});
      std::memcpy(room.data(), stream.data(), n);
      stream.remove_prefix(n);
      const Result<> read = decoder.Consume(n, *this);
      ASSERT_TRUE(read) << read.error().Line();
    }
  }
  StreamDecoder decoder;
  std::vector<Packet> packets;
};

std::vector<Packet> Packets(const std::string& name, Generation generation) {
  Reader reader(generation);
  reader.Feed(Traffic(name), SIZE_MAX);
  EXPECT_FALSE(reader.decoder.InFrame()) << name;
  return std::move(reader.packets);
}

struct Capture {
  const char* flet;
  Generation app;
};
void PrintTo(const Capture& capture, std::ostream* out) { *out << capture.flet; }

class RealTraffic : public testing::TestWithParam<Capture> {
 protected:
  std::string App() const { return std::string("flet-") + GetParam().flet + ".app"; }
  std::string Client() const { return std::string("flet-") + GetParam().flet + ".client"; }
};

TEST_P(RealTraffic, IsReadTheSameHoweverItIsCut) {
  for (const auto& [name, generation] :
       {std::pair(App(), GetParam().app), std::pair(Client(), kG2)}) {
    const std::vector<Packet> whole = Packets(name, generation);
    EXPECT_GT(whole.size(), 4U);
    for (std::size_t piece = 1; piece < 70; ++piece) {
      Reader reader(generation);
      reader.Feed(Traffic(name), piece);
      ASSERT_EQ(reader.packets.size(), whole.size()) << name << " in pieces of " << piece;
      for (std::size_t i = 0; i < whole.size(); ++i)
        ASSERT_EQ(reader.packets[i].payload.text(), whole[i].payload.text()) << name << piece;
    }
  }
}

TEST_P(RealTraffic, TellsTheClientsGeneration) {
  Reader reader(Generation::kUnknown);
  reader.Feed(Traffic(Client()), 1);
  EXPECT_EQ(reader.decoder.generation(), kG2);
  EXPECT_EQ(reader.packets.size(), Packets(Client(), kG2).size());
}

TEST_P(RealTraffic, PassesTheTranslatorWhole) {
  std::vector<std::string> warnings;
  const auto warn = [&warnings](const std::string& line) { warnings.push_back(line); };
  // The client's other generation says the same: here only its framing differs.
  for (const Generation client : {kG2, kG3}) {
    Translator translator(wire::CodecOf(GetParam().app), wire::CodecOf(client), warn);
    std::vector<std::string> passed;
    const auto pass = [&passed](Packet&& packet) { passed.emplace_back(packet.payload.text()); };
    EXPECT_EQ(translator.active(), GetParam().app != client);
    std::vector<std::string> said;
    for (Packet& packet : Packets(App(), GetParam().app)) {
      said.emplace_back(packet.payload.text());
      const Result<> taken = translator.ToClient(std::move(packet), pass);
      ASSERT_TRUE(taken) << taken.error().Line();
    }
    for (Packet& packet : Packets(Client(), kG2)) {
      said.emplace_back(packet.payload.text());
      const Result<> taken = translator.ToApp(std::move(packet), pass);
      ASSERT_TRUE(taken) << taken.error().Line();
    }
    EXPECT_EQ(passed, said);
  }
  EXPECT_THAT(warnings, IsEmpty());
}

// Both generations' patches make the same page.
TEST_P(RealTraffic, MakesThePageThatWasShown) {
  wire::ControlTree tree{Value::MapOf({{"_c", "Page"}, {"_i", wire::kPageId}})};
  std::vector<std::string> calls;
  for (const Packet& packet : Packets(App(), GetParam().app)) {
    Result<wire::Message> message =
        wire::CodecOf(GetParam().app)->Decode(Sender::kApp, packet.payload.span());
    ASSERT_TRUE(message) << message.error().Line();
    if (auto* answer = std::get_if<wire::RegisterAnswer>(&*message)) {
      EXPECT_EQ(answer->error, "");
      ASSERT_TRUE(tree.Register(std::move(answer->page_patch)));
    } else if (auto* patch = std::get_if<wire::Patch>(&*message)) {
      const Result<bool> applied = tree.Apply(*patch);
      ASSERT_TRUE(applied) << applied.error().Line();
      EXPECT_TRUE(*applied);
    } else if (const auto* call = std::get_if<wire::InvokeMethod>(&*message)) {
      calls.push_back(call->name);
    } else {
      ADD_FAILURE() << "a message of another kind";
    }
  }
  EXPECT_THAT(calls, testing::ElementsAre("focus"));
  const Value* title = tree.page().Find("title");
  ASSERT_NE(title, nullptr);
  EXPECT_EQ(*title->AsText(), "Traffic \u2602");
  std::vector<std::string> texts;
  for (std::int64_t id = 1; id < 100; ++id) {
    const wire::Map* control = tree.Find(id);
    const Value* kind = control != nullptr ? control->Find("_c") : nullptr;
    if (kind != nullptr && *kind->AsText() == "Text")
      texts.emplace_back(*control->Find("value")->AsText());
  }
  EXPECT_THAT(texts, testing::ElementsAre("22"));
}

INSTANTIATE_TEST_SUITE_P(Every, RealTraffic,
                         testing::Values(Capture{"0.82.2", kG2}, Capture{"1.0.5", kG3}),
                         [](const auto& tested) {
                           std::string name = std::string("Flet") + tested.param.flet;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace fletbridge
