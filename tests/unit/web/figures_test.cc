#include "src/ui/web/figures.h"

#include <gtest/gtest.h>

namespace fletbridge::web {
namespace {

TEST(WebFigures, TellWhatThereIsAndWhatHasHappened) {
  Figures figures;
  figures.sessions = 5;
  figures.Answered(200);
  figures.Answered(404);
  figures.Answered(101);  // no answer of ours
  figures.Refused(Refusal::kDraining);
  figures.clicks.Add(0.003);
  const std::string text = ToPrometheus(figures, {3, 2, 4096, true, true});
  for (const char* line :
       {"\nfletbridge_sessions 3\n", "\nfletbridge_sessions_total 5\n",
        "\nfletbridge_queue_bytes 4096\n", "\nfletbridge_http_responses_total{code=\"2xx\"} 1\n",
        "\nfletbridge_http_responses_total{code=\"4xx\"} 1\n",
        "\nfletbridge_refusals_total{kind=\"draining\"} 1\n",
        "\nfletbridge_click_seconds_count 1\n", "\nfletbridge_ready 0\n",
        "\nfletbridge_draining 1\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
}

}  // namespace
}  // namespace fletbridge::web
