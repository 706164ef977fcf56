#include "common/site/brotli.h"

#include <algorithm>
#include <array>
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <cstdint>
#include <memory>

namespace fletbridge::web {
namespace {

// What is compressed between two looks at whether to stop.
constexpr std::size_t kStep = std::size_t{64} << 10;

const std::uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

std::optional<std::string> Brotli(std::string_view bytes, const std::atomic<bool>& stops) {
  const std::unique_ptr<BrotliEncoderState, void (*)(BrotliEncoderState*)> encoder(
      BrotliEncoderCreateInstance(nullptr, nullptr, nullptr), BrotliEncoderDestroyInstance);
  if (!encoder) return std::nullopt;
  BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_QUALITY, BROTLI_MAX_QUALITY);
  BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_LGWIN, BROTLI_MAX_WINDOW_BITS);
  BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_SIZE_HINT,
                            static_cast<std::uint32_t>(bytes.size()));
  std::string packed;
  do {
    if (stops.load()) return std::nullopt;
    std::size_t left = std::min(bytes.size(), kStep);
    const bool is_last = left == bytes.size();
    const std::uint8_t* next = Bytes(bytes);
    bytes.remove_prefix(left);
    do {
      std::size_t no_room = 0;
      if (!BrotliEncoderCompressStream(encoder.get(),
                                       is_last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS,
                                       &left, &next, &no_room, nullptr, nullptr))
        return std::nullopt;
      std::size_t size = 0;
      const std::uint8_t* const out = BrotliEncoderTakeOutput(encoder.get(), &size);
      packed.append(reinterpret_cast<const char*>(out), size);
    } while (left != 0 || BrotliEncoderHasMoreOutput(encoder.get()));
  } while (!BrotliEncoderIsFinished(encoder.get()));
  return packed;
}

bool IsBrotliOf(std::string_view packed, std::string_view bytes) {
  const std::unique_ptr<BrotliDecoderState, void (*)(BrotliDecoderState*)> decoder(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  if (!decoder) return false;
  std::size_t left = packed.size();
  const std::uint8_t* next = Bytes(packed);
  std::array<std::uint8_t, kStep> block{};
  for (BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
       result != BROTLI_DECODER_RESULT_SUCCESS;) {
    std::size_t room = block.size();
    std::uint8_t* out = block.data();
    result = BrotliDecoderDecompressStream(decoder.get(), &left, &next, &room, &out, nullptr);
    const std::string_view got(reinterpret_cast<const char*>(block.data()), block.size() - room);
    if (!bytes.starts_with(got)) return false;
    bytes.remove_prefix(got.size());
    if (result != BROTLI_DECODER_RESULT_SUCCESS &&
        result != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT)
      return false;
  }
  return bytes.empty() && left == 0;
}

}  // namespace fletbridge::web
