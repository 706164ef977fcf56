#include "common/wire/bare_framing.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/wire/stream_decoder.h"

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// [3, TEXT]
std::string Message(const std::string& text) {
  std::string message = "\x92\x03\xdb";
  for (int shift = 24; shift >= 0; shift -= 8)
    message += static_cast<char>(text.size() >> static_cast<unsigned>(shift));
  return message + text;
}

template <class Decoder>
struct Reader final : FrameHandler {
  template <class... Arguments>
  explicit Reader(Arguments... arguments) : decoder(arguments...) {}
  void OnFrame(Packet&& packet) override {
    EXPECT_EQ(packet.type, PacketType::kControl);
    messages.emplace_back(packet.payload.text());
    if (on_frame) on_frame();
  }
  void OnOversizedFrame(std::size_t payload_bytes) override { oversized.push_back(payload_bytes); }
  Result<> Feed(std::string_view stream, std::size_t chunk = SIZE_MAX) {
    while (!stream.empty()) {
      const std::span<std::byte> room = decoder.Room();
      EXPECT_FALSE(room.empty());
      const std::size_t n = std::min({room.size(), stream.size(), chunk});
      std::memcpy(room.data(), stream.data(), n);
      stream.remove_prefix(n);
      if (Result<> ok = decoder.Consume(n, *this); !ok) return ok;
    }
    return {};
  }

  Decoder decoder;
  std::vector<std::string> messages;
  std::vector<std::size_t> oversized;
  std::function<void()> on_frame;
};
using BareReader = Reader<BareDecoder>;
using StreamReader = Reader<StreamDecoder>;

TEST(BareFraming, ReadsAStreamHoweverItIsCutInTwo) {
  const std::string stream = Message("first") + Message("") + Message("last one");
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    BareReader reader(std::size_t{100});
    ASSERT_TRUE(reader.Feed(stream.substr(0, cut)));
    ASSERT_TRUE(reader.Feed(stream.substr(cut)));
    EXPECT_THAT(reader.messages, ElementsAre(Message("first"), Message(""), Message("last one")));
    EXPECT_FALSE(reader.decoder.InFrame());
  }
}

TEST(BareFraming, ReadsAStreamByteByByteAndManyMessagesOfOnePiece) {
  std::string stream;
  for (int i = 0; i < 3000; ++i) stream += Message(std::to_string(i));
  for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
    BareReader reader(std::size_t{100});
    ASSERT_TRUE(reader.Feed(stream, chunk));
    ASSERT_EQ(reader.messages.size(), 3000u);
    for (std::size_t i = 0; i < 3000; ++i)
      EXPECT_EQ(reader.messages[i], Message(std::to_string(i)));
  }
}

TEST(BareFraming, ReadsALargeMessageAndTheOneBehindIt) {
  const std::string large = Message(std::string(3 << 20, 'p'));
  BareReader reader(std::size_t{4} << 20);
  ASSERT_TRUE(reader.Feed(large + Message("next"), 50'000));
  EXPECT_THAT(reader.messages, ElementsAre(large, Message("next")));
}

TEST(BareFraming, TellsWhetherAMessageIsCut) {
  const std::string stream = Message("abc");
  BareReader reader(std::size_t{100});
  for (std::size_t i = 0; i < stream.size(); ++i) {
    EXPECT_EQ(reader.decoder.InFrame(), i != 0);
    ASSERT_TRUE(reader.Feed(stream.substr(i, 1)));
  }
  EXPECT_FALSE(reader.decoder.InFrame());
}

TEST(BareFraming, TakesAMessageOfExactlyTheLimitAndSkipsALargerOne) {
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
    BareReader reader(Message("12345678").size());
    ASSERT_TRUE(reader.Feed(
        Message("12345678") + Message(std::string(200'000, 'x')) + Message("intact"), chunk));
    EXPECT_THAT(reader.messages, ElementsAre(Message("12345678"), Message("intact")));
    EXPECT_EQ(reader.oversized.size(), 1u) << "told once";
    EXPECT_FALSE(reader.decoder.InFrame());
  }
}

TEST(BareFraming, SaysTheSizeAsSoonAsItIsDeclared) {
  BareReader reader(std::size_t{1} << 20);
  const std::string large = Message(std::string(2 << 20, 'x'));
  ASSERT_TRUE(reader.Feed(large.substr(0, 7)));
  EXPECT_THAT(reader.oversized, ElementsAre(large.size()));
}

TEST(BareFraming, CallsAnAbsurdAnnouncementAnError) {
  for (const char* hostile : {"\x92\x03\xdb\xff\xff\xff\xff", "\x92\x03\xdd\xff\xff\xff\xff",
                              "\x92\x03\xdf\x7f\xff\xff\xff", "\x92\x03\xc6\xff\xff\xff\xff"}) {
    BareReader reader(std::size_t{1} << 20);
    const Result<> result = reader.Feed(Message("fine") + hostile);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::kPeerMisbehaved);
    EXPECT_THAT(result.error().context, HasSubstr("limit 1048576"));
    EXPECT_THAT(reader.messages, ElementsAre(Message("fine")));
  }
}

TEST(BareFraming, RefusesWhatIsNestedTooDeepAtOnce) {
  BareReader reader(std::size_t{64} << 20);
  const Result<> result = reader.Feed("\x92\x03" + std::string(1 << 20, '\x91'), 100);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kPeerMisbehaved);
  EXPECT_THAT(result.error().context, HasSubstr("nested deeper than"));
}

TEST(BareFraming, RefusesWhatIsNoMessage) {
  for (const char* stranger : {"POST / HTTP/1.1\r\n\r\n", "\x01", "\x93\x01\x02\x03", "\xc1"}) {
    BareReader reader(std::size_t{100});
    const Result<> result = reader.Feed(stranger);
    ASSERT_FALSE(result) << stranger;
    EXPECT_THAT(result.error().context, HasSubstr("does not speak Flet 0.70 to 0.85"));
  }
}

TEST(BareFraming, ForgetsTheRestWhenAHandlerResets) {
  BareReader reader(std::size_t{100});
  reader.on_frame = [&] { reader.decoder.Reset(); };
  ASSERT_TRUE(reader.Feed(Message("one") + Message("of the old") + "\x92"));
  EXPECT_THAT(reader.messages, ElementsAre(Message("one")));
  EXPECT_FALSE(reader.decoder.InFrame());
  reader.on_frame = nullptr;
  ASSERT_TRUE(reader.Feed(Message("half").substr(0, 5)));
  reader.decoder.Reset();
  ASSERT_TRUE(reader.Feed(Message("new")));
  EXPECT_THAT(reader.messages, ElementsAre(Message("one"), Message("new")));
}

TEST(StreamDecoder, TellsAClientOfGeneration2FromItsFirstMessage) {
  // [1, {"session_id": nil}]
  const std::string registration = "\x92\x01\x81\xaasession_id\xc0";
  for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
    StreamReader reader(Generation::kUnknown, std::size_t{100});
    ASSERT_TRUE(reader.Feed(registration + Message("next"), chunk));
    EXPECT_EQ(reader.decoder.generation(), Generation::kG2);
    EXPECT_THAT(reader.messages, ElementsAre(registration, Message("next")));
  }
}

TEST(StreamDecoder, TellsAClientOfGeneration3AlsoWhereItsLengthLooksLikeAMessage) {
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{0x0192 - 1}, std::size_t{0x830192 - 1}}) {
    const std::string payload(size, 'p');
    const FrameHeader header = MakeFrameHeader(PacketType::kControl, size);
    const std::string frame(reinterpret_cast<const char*>(header.data()), header.size());
    StreamReader reader(Generation::kUnknown, std::size_t{16} << 20);
    ASSERT_TRUE(reader.Feed(frame.substr(0, 2)));
    ASSERT_TRUE(reader.Feed(frame.substr(2) + payload));
    EXPECT_EQ(reader.decoder.generation(), Generation::kG3);
    EXPECT_THAT(reader.messages, ElementsAre(payload));
  }
}

TEST(StreamDecoder, TellsAgainAfterAReset) {
  StreamReader reader(Generation::kUnknown, std::size_t{100});
  EXPECT_EQ(reader.decoder.generation(), Generation::kUnknown);
  EXPECT_FALSE(reader.decoder.InFrame());
  ASSERT_TRUE(reader.Feed("\x92"));
  EXPECT_EQ(reader.decoder.generation(), Generation::kUnknown);
  EXPECT_TRUE(reader.decoder.InFrame());
  reader.decoder.Reset();
  ASSERT_TRUE(reader.Feed(std::string("\x02\0\0\0\0x", 6)));
  EXPECT_EQ(reader.decoder.generation(), Generation::kG3);
  reader.decoder.Reset();
  ASSERT_TRUE(reader.Feed("\x92\x01\x81\xaasession_id\xc0"));
  EXPECT_EQ(reader.decoder.generation(), Generation::kG2);
  EXPECT_THAT(reader.messages, ElementsAre("x", "\x92\x01\x81\xaasession_id\xc0"));
}

TEST(StreamDecoder, CallsAStrangerAnError) {
  StreamReader reader(Generation::kUnknown, std::size_t{100});
  const Result<> result = reader.Feed("GET / HTTP/1.1\r\n\r\n");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kPeerMisbehaved);
  EXPECT_THAT(reader.messages, IsEmpty());
}

}  // namespace
}  // namespace fletbridge
