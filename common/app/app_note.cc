#include "common/app/app_note.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <unistd.h>

#include "common/platform/memory.h"

namespace fletbridge {
namespace {

// The writer may overwrite the place while it is read.
constexpr int kTries = 3;

template <class Number>
bool ReadNumber(int fd, std::size_t at, Number& number) {
  std::array<unsigned char, sizeof(Number)> bytes{};
  if (::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(at)) !=
      static_cast<ssize_t>(bytes.size()))
    return false;
  number = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    number = static_cast<Number>(number << 8 | bytes[i - 1]);
  return true;
}

}  // namespace

AppNote::AppNote() : memory_(platform::MakeFixedMemory("fletbridge-note", kSize)) {}

std::optional<std::string> AppNote::Read() const {
  for (int i = 0; memory_ && i < kTries; ++i) {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::uint32_t length = 0;
    if (!ReadNumber(memory_.get(), 0, before) || before == 0) return std::nullopt;
    const std::size_t place = 8 + (before % 2) * kPlace;
    if (!ReadNumber(memory_.get(), place, length) || length > kPlace - sizeof length)
      return std::nullopt;
    std::string text(length, '\0');
    if (::pread(memory_.get(), text.data(), length, static_cast<off_t>(place + sizeof length)) !=
        static_cast<ssize_t>(length))
      return std::nullopt;
    if (ReadNumber(memory_.get(), 0, after) && after == before) return text;
  }
  return std::nullopt;
}

}  // namespace fletbridge
