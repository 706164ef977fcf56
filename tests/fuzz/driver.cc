// Room: tests/fuzz. Runs a fuzz target without a fuzzer: over every file of a corpus, and over
// 1,000 mutations of them that are the same on every run.
//
//   fuzz_NAME CORPUS_FOLDER
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kMutations = 1000;

using Input = std::vector<std::uint8_t>;

Input Mutate(const std::vector<Input>& corpus, std::mt19937& random) {
  auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Input input = corpus[below(corpus.size())];
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(input.size() + 1);
    const auto here = input.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(5)) {
      case 0:
        input.insert(here, static_cast<std::uint8_t>(random()));
        break;
      case 1:
        if (at < input.size()) input[at] = static_cast<std::uint8_t>(random());
        break;
      case 2:
        if (at < input.size()) input[at] ^= static_cast<std::uint8_t>(1u << below(8));
        break;
      case 3:
        input.resize(at);
        break;
      default: {
        const Input& other = corpus[below(corpus.size())];
        input.insert(here, other.begin(), other.end());
      }
    }
  }
  return input;
}

void Run(const Input& input) { LLVMFuzzerTestOneInput(input.data(), input.size()); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1]))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // so that every run makes the same mutations
  std::vector<Input> corpus;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    Run(corpus.back());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", argv[1]);
    return 1;
  }
  std::mt19937 random(1);
  for (int i = 0; i < kMutations; ++i) Run(Mutate(corpus, random));
  std::printf("%zu files and %d mutations\n", corpus.size(), kMutations);
  return 0;
}
