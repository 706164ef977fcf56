// Room: src/ui/headless. What is chosen in a slider or a picker, as Flet's client tells it to the
// app: which properties are set, and which events come, in which order. Loop thread only.
#pragma once

#include <string>
#include <string_view>

#include "src/ui/headless/client.h"
#include "src/ui/headless/steps.h"

namespace fletbridge::headless {

[[nodiscard]] bool IsSlider(std::string_view type);
[[nodiscard]] bool IsPicker(std::string_view type);

// Why a person could not choose that there; empty if he can.
[[nodiscard]] std::string WhyNotSlide(const Step& step, const wire::Map& slider);
[[nodiscard]] std::string WhyNotPick(const Step& step, const wire::Map& picker);

// Do it; true if the app handles an event of it.
bool Slide(Client& client, const Step& step, wire::Map& slider);
bool Pick(Client& client, const Step& step, wire::Map& picker);
// Closes a picker without a choice.
bool CancelPick(Client& client, wire::Map& picker);

}  // namespace fletbridge::headless
