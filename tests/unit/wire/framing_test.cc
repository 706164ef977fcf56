#include "common/wire/framing.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Frame {
  int type;
  std::string payload;
  bool operator==(const Frame&) const = default;
};

std::string Encode(const Frame& frame) {
  const FrameHeader header =
      MakeFrameHeader(static_cast<PacketType>(frame.type), frame.payload.size());
  return std::string(reinterpret_cast<const char*>(header.data()), header.size()) + frame.payload;
}

struct Reader final : FrameHandler {
  explicit Reader(std::size_t max_payload) : decoder(max_payload) {}
  void OnFrame(Packet&& packet) override {
    frames.push_back({static_cast<int>(packet.type), std::string(packet.payload.text())});
    if (on_frame) on_frame();
  }
  void OnOversizedFrame(std::size_t payload_bytes) override {
    oversized.push_back(payload_bytes);
    if (on_oversized) on_oversized();
  }
  // Gives the stream in chunks of `chunk` bytes, or less where the decoder has less room.
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

  FrameDecoder decoder;
  std::vector<Frame> frames;
  std::vector<std::size_t> oversized;
  std::function<void()> on_frame;
  std::function<void()> on_oversized;
};

const std::string kEmptyFrame(4, '\0');

TEST(Framing, WritesLengthTypeAndPayload) {
  EXPECT_EQ(Encode({1, "abc"}), std::string("\x04\0\0\0\x01"
                                            "abc",
                                            8));
  const FrameHeader large = MakeFrameHeader(PacketType::kControl, 0x01020304 - 1);
  EXPECT_EQ(std::to_integer<int>(large[0]), 4);
  EXPECT_EQ(std::to_integer<int>(large[3]), 1);
}

TEST(Framing, ReadsAStreamHoweverItIsCutInTwo) {
  const std::string stream =
      Encode({0, "first"}) + Encode({1, ""}) + kEmptyFrame + Encode({0, "last one"});
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Reader reader(100);
    ASSERT_TRUE(reader.Feed(stream.substr(0, cut)));
    ASSERT_TRUE(reader.Feed(stream.substr(cut)));
    EXPECT_THAT(reader.frames, ElementsAre(Frame{0, "first"}, Frame{1, ""}, Frame{0, "last one"}))
        << cut;
    EXPECT_FALSE(reader.decoder.InFrame());
  }
}

TEST(Framing, ReadsAStreamByteByByte) {
  const std::string stream =
      Encode({0, "first"}) + Encode({1, ""}) + kEmptyFrame + Encode({0, "last one"});
  Reader reader(100);
  ASSERT_TRUE(reader.Feed(stream, 1));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{0, "first"}, Frame{1, ""}, Frame{0, "last one"}));
}

TEST(Framing, ReadsManyFramesOfOneChunk) {
  std::string stream;
  for (int i = 0; i < 3000; ++i) stream += Encode({i % 2, std::to_string(i)});
  Reader reader(100);
  ASSERT_TRUE(reader.Feed(stream));
  ASSERT_EQ(reader.frames.size(), 3000u);
  for (int i = 0; i < 3000; ++i)
    EXPECT_EQ(reader.frames[static_cast<std::size_t>(i)].payload, std::to_string(i));
}

TEST(Framing, ReadsALargePayloadToItsPlace) {
  const std::string payload(1 << 20, 'p');
  const std::string stream = Encode({1, payload});
  Reader reader(1 << 20);
  const std::span<std::byte> first = reader.decoder.Room();
  ASSERT_LT(first.size(), payload.size());
  std::memcpy(first.data(), stream.data(), 10);
  ASSERT_TRUE(reader.decoder.Consume(10, reader));
  // All that is missing, so that no byte is copied again and none of the next frame is read.
  EXPECT_EQ(reader.decoder.Room().size(), stream.size() - 10);
  ASSERT_TRUE(reader.Feed(stream.substr(10) + Encode({0, "next"})));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{1, payload}, Frame{0, "next"}));
}

TEST(Framing, SkipsAFrameWithoutEvenAType) {
  Reader reader(100);
  ASSERT_TRUE(reader.Feed(kEmptyFrame + kEmptyFrame + Encode({0, "x"})));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{0, "x"}));
}

TEST(Framing, PassesTypesThatNobodyKnows) {
  Reader reader(100);
  ASSERT_TRUE(reader.Feed(Encode({200, "?"})));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{200, "?"}));
}

TEST(Framing, TakesAPayloadOfExactlyTheLimit) {
  Reader reader(8);
  ASSERT_TRUE(reader.Feed(Encode({0, "12345678"})));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{0, "12345678"}));
  EXPECT_TRUE(reader.oversized.empty());
}

TEST(Framing, SkipsAnOversizedFrameAndReadsTheNext) {
  const std::string stream = Encode({0, std::string(100'000, 'x')}) + Encode({1, "intact"});
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
    Reader reader(8);
    ASSERT_TRUE(reader.Feed(stream, chunk));
    EXPECT_THAT(reader.oversized, ElementsAre(100'000u));
    EXPECT_THAT(reader.frames, ElementsAre(Frame{1, "intact"}));
  }
}

TEST(Framing, CallsAnAbsurdHeaderAnError) {
  Reader reader(1 << 20);
  const Result<> result = reader.Feed(Encode({0, "fine"}) + "POST / HTTP/1.1\r\n\r\n");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kPeerMisbehaved);
  EXPECT_THAT(result.error().context, HasSubstr("limit 1048576"));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{0, "fine"}));
}

TEST(Framing, TellsWhetherAFrameIsCut) {
  const std::string stream = Encode({0, "abc"});
  Reader reader(100);
  EXPECT_FALSE(reader.decoder.InFrame());
  for (std::size_t i = 0; i + 1 < stream.size(); ++i) {
    ASSERT_TRUE(reader.Feed(stream.substr(i, 1)));
    EXPECT_TRUE(reader.decoder.InFrame()) << i;
  }
  ASSERT_TRUE(reader.Feed(stream.substr(stream.size() - 1)));
  EXPECT_FALSE(reader.decoder.InFrame());
}

TEST(Framing, ForgetsTheRestWhenAHandlerResets) {
  Reader reader(10);
  reader.on_frame = [&] { reader.decoder.Reset(); };
  ASSERT_TRUE(reader.Feed(Encode({0, "one"}) + Encode({0, "of the old"}) + "half"));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{0, "one"}));
  EXPECT_FALSE(reader.decoder.InFrame());

  reader.on_oversized = [&] { reader.decoder.Reset(); };
  ASSERT_TRUE(reader.Feed(Encode({0, "much too long"}) + Encode({0, "old"})));
  EXPECT_FALSE(reader.decoder.InFrame());
  ASSERT_TRUE(reader.Feed(Encode({1, "new"})));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{0, "one"}, Frame{1, "new"}));
}

TEST(Framing, ForgetsAHalfReadLargePayload) {
  Reader reader(1 << 20);
  ASSERT_TRUE(reader.Feed(Encode({0, std::string(1 << 20, 'x')}).substr(0, 200'000)));
  ASSERT_TRUE(reader.decoder.InFrame());
  reader.decoder.Reset();
  EXPECT_FALSE(reader.decoder.InFrame());
  ASSERT_TRUE(reader.Feed(Encode({0, "new"})));
  EXPECT_THAT(reader.frames, ElementsAre(Frame{0, "new"}));
}

TEST(Framing, ReadsRandomStreamsInRandomPieces) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    auto below = [&](std::size_t n) {
      return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    std::vector<Frame> sent;
    std::string stream;
    for (std::size_t i = 0; i < 40; ++i) {
      Frame frame{static_cast<int>(below(256)),
                  std::string(below(4) == 0 ? below(300'000) : below(40), '\0')};
      for (char& c : frame.payload) c = static_cast<char>(random());
      stream += Encode(frame);
      if (below(8) == 0) stream += kEmptyFrame;
      sent.push_back(std::move(frame));
    }
    Reader reader(300'000);
    for (std::string_view rest = stream; !rest.empty();) {
      const std::size_t n = std::min(rest.size(), 1 + below(100'000));
      ASSERT_TRUE(reader.Feed(rest.substr(0, n), 1 + below(70'000)));
      rest.remove_prefix(n);
    }
    EXPECT_EQ(reader.frames, sent);
  }
}

}  // namespace
}  // namespace fletbridge
