#include "src/rollout/guard_figures.h"

#include <cmath>
#include <cstdio>
#include <numeric>

namespace fletbridge {
namespace {

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      escaped += '\\';
      escaped += c;
    } else if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string Labels(const FigureRow& row) {
  return "app=\"" + Escaped(row.app) + "\",id=\"" + Escaped(row.id) + "\",stage=\"" +
         Escaped(row.stage) + "\"";
}

std::string Number(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.10g", number);
  return text;
}

void Head(std::string& text, const std::string& name, const char* type, const char* help) {
  text += "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

void Counts(std::string& text, const std::vector<FigureRow>& rows, const std::string& name,
            const char* help, std::uint64_t StageFigures::*which) {
  Head(text, name, "counter", help);
  for (const FigureRow& row : rows)
    text += name + "{" + Labels(row) + "} " + std::to_string(row.figures->*which) + "\n";
}

void Histograms(std::string& text, const std::vector<FigureRow>& rows, const std::string& name,
                const char* help, BucketCounts StageFigures::*which) {
  Head(text, name, "histogram", help);
  for (const FigureRow& row : rows) {
    const BucketCounts& histogram = row.figures->*which;
    const std::string labels = Labels(row);
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
      below += histogram.counts()[i];
      text += name + "_bucket{" + labels + ",le=\"" + Number(histogram.bounds()[i]) + "\"} " +
              std::to_string(below) + "\n";
    }
    const std::string all = std::to_string(histogram.count());
    text += name + "_bucket{" + labels + ",le=\"+Inf\"} " + all + "\n";
    text += name + "_sum{" + labels + "} " + Number(histogram.sum()) + "\n";
    text += name + "_count{" + labels + "} " + all + "\n";
  }
}

}  // namespace

void BucketCounts::Add(double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds)) return;
  std::size_t bucket = 0;
  while (bucket < bounds_.size() && seconds > bounds_[bucket]) ++bucket;
  ++counts_[bucket];
  sum_ += seconds;
}

std::uint64_t BucketCounts::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

void BucketCounts::Restore(std::vector<std::uint64_t> counts, double sum) {
  if (counts.size() != counts_.size() || !(sum >= 0)) return;
  counts_ = std::move(counts);
  sum_ = sum;
}

std::string ToPrometheus(const std::vector<FigureRow>& rows) {
  std::string text;
  Counts(text, rows, "fletbridge_starts_total", "Starts of the app on the stage.",
         &StageFigures::starts);
  Counts(text, rows, "fletbridge_start_failures_total",
         "Starts that ended before the first frame, or by a signal.", &StageFigures::failures);
  Counts(text, rows, "fletbridge_fallbacks_total",
         "Starts that took a lower stage in place of this one.", &StageFigures::fallbacks);
  Head(text, "fletbridge_breaker_open", "gauge", "1 while the stage rests after failures.");
  for (const FigureRow& row : rows)
    text += "fletbridge_breaker_open{" + Labels(row) + "} " + (row.open ? "1" : "0") + "\n";
  // Beside the figures, which count all versions: a label of each would begin them anew with every
  // update.
  Head(text, "fletbridge_versions_info", "gauge", "The versions of the app's last start.");
  std::string last;
  for (const FigureRow& row : rows) {
    if (row.id == last) continue;
    last = row.id;
    text += "fletbridge_versions_info{app=\"" + Escaped(row.app) + "\",id=\"" + Escaped(row.id) +
            "\",app_version=\"" + Escaped(row.app_version) + "\",flet_version=\"" +
            Escaped(row.flet_version) + "\",fletbridge_version=\"" +
            Escaped(row.fletbridge_version) + "\"} 1\n";
  }
  Histograms(text, rows, "fletbridge_first_frame_seconds", "From the start to the first frame.",
             &StageFigures::first_frame);
  Histograms(text, rows, "fletbridge_click_seconds",
             "From an input to the first patch that answers it.", &StageFigures::click);
  return text;
}

}  // namespace fletbridge
