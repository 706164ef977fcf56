// Room: src/recording. The files of one recording: FILE, which holds the beginning and is never
// removed, and FILE.1, FILE.2, ..., of which the oldest go first. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fletbridge::recording {

[[nodiscard]] std::string SegmentPath(const std::string& file, std::uint32_t number);
// The numbers that lie beside FILE, in their order, without its own 0.
[[nodiscard]] std::vector<std::uint32_t> SegmentsBeside(const std::string& file);

}  // namespace fletbridge::recording
