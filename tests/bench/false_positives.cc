// Room: tests/bench. How often `fletbridge compare` finds a difference where there is none, from
// recorded rounds:
//
//   fletbridge compare --self-test --workload click --precision 0.01 --time 160 --json a.json
//   false_positives RUNS ROUNDS a.json …
//
// Each of RUNS runs is made of ROUNDS consecutive rounds of one of the files, beginning anywhere,
// with the two names of each round swapped by chance, which the truth does not mind since both are
// the same; its verdict is the program's own.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <vector>

#include <nlohmann/json.hpp>

#include "src/compare/results.h"

namespace fletbridge::compare {
namespace {

// round -> its blocks of both names
using Recorded = std::vector<std::vector<Block>>;

Recorded Read(const char* path, std::size_t name) {
  std::ifstream in(path);
  const nlohmann::json json = nlohmann::json::parse(in);
  Recorded rounds(json.at("rounds").get<std::size_t>());
  for (const auto& from : json.at("workloads").at(0).at("results").at(name).at("blocks")) {
    Block block{from.at("round"), from.at("turn"), from.at("at_s"), {}};
    for (const auto& bucket : from.at("histogram")) block.values.Record(bucket.at(0), bucket.at(1));
    const auto round = static_cast<std::size_t>(block.round);
    if (round < rounds.size()) rounds[round].push_back(std::move(block));
  }
  return rounds;
}

int Main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: false_positives RUNS ROUNDS FILE.json …\n");
    return 2;
  }
  const int runs = std::atoi(argv[1]);
  const auto rounds = static_cast<std::size_t>(std::atoi(argv[2]));
  std::mt19937_64 random(1);
  std::vector<std::pair<Recorded, Recorded>> files;
  for (int i = 3; i < argc; ++i) {
    files.emplace_back(Read(argv[i], 0), Read(argv[i], 1));
    if (files.back().first.size() >= rounds) continue;
    std::fprintf(stderr, "%s has fewer than %zu rounds\n", argv[i], rounds);
    return 2;
  }
  int found = 0, same = 0;
  double reach = 0;
  for (int run = 0; run < runs; ++run) {
    const auto& [first, second] = files[random() % files.size()];
    const std::size_t begin = random() % (first.size() - rounds + 1);
    WorkloadResult result;
    result.series = {{"a", {}}, {"b", {}}};
    for (std::size_t round = begin; round < begin + rounds; ++round) {
      const std::size_t swapped = random() % 2;
      for (const Block& block : first[round]) result.series[swapped].blocks.push_back(block);
      for (const Block& block : second[round]) result.series[1 - swapped].blocks.push_back(block);
    }
    const Comparison comparison = result.Compare(1, random());
    found += comparison.verdict == Verdict::kFaster || comparison.verdict == Verdict::kSlower;
    same += comparison.verdict == Verdict::kSame;
    if (comparison.ratio) reach += comparison.ratio->high / comparison.ratio->low - 1;
  }
  std::printf(
      "%d runs of %zu rounds: %d found a difference (%.1f %%), %d said \"the same\"; the intervals "
      "were %.1f %% wide\n",
      runs, rounds, found, 100.0 * found / runs, same, 100 * reach / runs);
  return found * 20 > runs ? 1 : 0;
}

}  // namespace
}  // namespace fletbridge::compare

int main(int argc, char** argv) { return fletbridge::compare::Main(argc, argv); }
