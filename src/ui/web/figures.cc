#include "src/ui/web/figures.h"

namespace fletbridge::web {

void Figures::Answered(unsigned status) {
  if (status >= 200 && status < 600) ++responses[status / 100 - 2];
}

std::string ToPrometheus(const Figures& figures, const Gauges& now) {
  using prometheus::Head;
  using prometheus::Label;
  using prometheus::Sample;
  static constexpr std::array<const char*, kRefusals> kNames = {
      "host", "stranger", "malformed", "method", "connections", "sessions", "draining"};
  static constexpr std::array<const char*, 4> kClasses = {"2xx", "3xx", "4xx", "5xx"};
  std::string text;
  const auto gauge = [&text](const char* name, const char* help, std::size_t value) {
    Head(text, name, "gauge", help);
    Sample(text, name, {}, static_cast<double>(value));
  };
  const auto counter = [&text](const char* name, const char* help, std::uint64_t value) {
    Head(text, name, "counter", help);
    Sample(text, name, {}, static_cast<double>(value));
  };
  gauge("fletbridge_sessions", "Browser tabs that are connected.", now.sessions);
  counter("fletbridge_sessions_total", "Connections of browser tabs that have begun.",
          figures.sessions);
  counter("fletbridge_inputs_total", "Events of controls, such as clicks.", figures.inputs);
  Head(text, kClickSeconds, "histogram", kClickSecondsHelp);
  prometheus::Histogram(text, kClickSeconds, {}, figures.clicks);
  gauge("fletbridge_queue_bytes", "Bytes that wait for browsers.", now.queue_bytes);
  gauge("fletbridge_http_connections", "Connections that are no session.", now.connections);
  Head(text, "fletbridge_http_responses_total", "counter", "Answers over HTTP.");
  for (std::size_t i = 0; i < kClasses.size(); ++i) {
    Sample(text, "fletbridge_http_responses_total", Label("code", kClasses[i]),
           static_cast<double>(figures.responses[i]));
  }
  Head(text, "fletbridge_refusals_total", "counter",
       "Requests and connections that were not served, by the reason.");
  for (std::size_t i = 0; i < kRefusals; ++i) {
    Sample(text, "fletbridge_refusals_total", Label("kind", kNames[i]),
           static_cast<double>(figures.refusals[i]));
  }
  gauge("fletbridge_ready", "1 while new sessions are served; of workers, how many do.",
        now.is_ready && !now.is_draining ? 1 : 0);
  gauge("fletbridge_draining", "1 after SIGTERM, while old sessions go on; of workers, how many.",
        now.is_draining ? 1 : 0);
  return text;
}

}  // namespace fletbridge::web
