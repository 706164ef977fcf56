#include "src/rollout/guard_figures.h"

namespace fletbridge {
namespace {

using prometheus::Head;
using prometheus::Label;
using prometheus::Sample;

std::string Labels(const FigureRow& row) {
  return Label("app", row.app) + "," + Label("id", row.id) + "," + Label("stage", row.stage);
}

void Counts(std::string& text, const std::vector<FigureRow>& rows, const std::string& name,
            const char* help, std::uint64_t StageFigures::*which) {
  Head(text, name, "counter", help);
  for (const FigureRow& row : rows)
    Sample(text, name, Labels(row), static_cast<double>(row.figures->*which));
}

void Histograms(std::string& text, const std::vector<FigureRow>& rows, const std::string& name,
                const char* help, BucketCounts StageFigures::*which) {
  Head(text, name, "histogram", help);
  for (const FigureRow& row : rows)
    prometheus::Histogram(text, name, Labels(row), row.figures->*which);
}

}  // namespace

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
    Sample(text, "fletbridge_breaker_open", Labels(row), row.open ? 1 : 0);
  // Beside the figures, which count all versions: a label of each would begin them anew with every
  // update.
  Head(text, "fletbridge_versions_info", "gauge", "The versions of the app's last start.");
  std::string last;
  for (const FigureRow& row : rows) {
    if (row.id == last) continue;
    last = row.id;
    Sample(text, "fletbridge_versions_info",
           Label("app", row.app) + "," + Label("id", row.id) + "," +
               Label("app_version", row.app_version) + "," +
               Label("flet_version", row.flet_version) + "," +
               Label("fletbridge_version", row.fletbridge_version),
           1);
  }
  Histograms(text, rows, "fletbridge_first_frame_seconds", "From the start to the first frame.",
             &StageFigures::first_frame);
  Histograms(text, rows, kClickSeconds, kClickSecondsHelp, &StageFigures::click);
  return text;
}

}  // namespace fletbridge
