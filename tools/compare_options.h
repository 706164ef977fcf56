// Room: tools. The options of `fletbridge compare`, except for the settings that it shares with
// other commands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace fletbridge {

inline constexpr const char* kDefaultStages = "1:uds,1:tcp,2:uds,3";

struct CompareOptions {
  std::string stages, baseline, workload, json, html, markdown, csv, against, save;
  double seconds = 0;
  double precision = 1;
  double threshold = 5;
  std::uint64_t seed = 0;
  std::size_t rounds = 0;
  std::vector<int> cpus;
  std::vector<std::string> clicks, not_clicks;
  std::vector<std::string> others;  // VERSION=PYTHON[,SCRIPT]
  bool self_test = false;
  bool dry_run = false;
  bool fresh = false, in_place = false;
  std::string prepare;
};

void AddOptions(CLI::App& command, CompareOptions& options);
// Behind the options in its help.
[[nodiscard]] const char* CompareFooter();

}  // namespace fletbridge
