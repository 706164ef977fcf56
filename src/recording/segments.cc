#include "src/recording/segments.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace fletbridge::recording {

namespace fs = std::filesystem;

std::string SegmentPath(const std::string& file, std::uint32_t number) {
  return number == 0 ? file : file + "." + std::to_string(number);
}

std::vector<std::uint32_t> SegmentsBeside(const std::string& file) {
  std::vector<std::uint32_t> numbers;
  const fs::path path(file);
  const std::string stem = path.filename().string() + ".";
  std::error_code error;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(stem)) continue;
    std::uint32_t number = 0;
    const char* last = name.data() + name.size();
    const auto read = std::from_chars(name.data() + stem.size(), last, number);
    if (read.ec == std::errc{} && read.ptr == last && number != 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace fletbridge::recording
