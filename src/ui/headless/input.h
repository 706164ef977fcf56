// Room: src/ui/headless. The input of a person on a control, as Flet's client would tell it to
// the app: which control takes a click, and which properties and events an input sends. Loop thread
// only.
#pragma once

#include <string>

#include "src/ui/headless/client.h"
#include "src/ui/headless/steps.h"

namespace fletbridge::headless {

// The control that takes a step's input when the person aims at `aimed`: itself or one around it.
// Null if there is none; `why_not` then says why.
[[nodiscard]] wire::Map* TargetOf(const Step& step, wire::Map& aimed, std::string& why_not);

// Does the input on what TargetOf() gave. True if the app handles an event of it, so that an answer
// may come. For drag see below.
bool DoInput(Client& client, const Step& step, wire::Map& target);

// Moves the pointer over `aimed`, or away from everything if that is null: what it was over is left
// first. True if the app handles an event of it.
bool Hover(Client& client, wire::Map* aimed);

// Part number `n` of a drag: 0 puts the pointer down, 1 to step.count move it, step.count + 1 lifts
// it. Parts are sent one by one, so that a stalled app can hold the pointer.
bool DoDragPart(Client& client, const Step& step, wire::Map& target, std::size_t n);

}  // namespace fletbridge::headless
