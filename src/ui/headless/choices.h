// Room: src/ui/headless. What a person chooses where the app asks for it by a call, such as a file:
// the answer that Flet's client would give, of an `answer` step. Reads and writes the files that
// are named there, and waits for the disk. Loop thread only.
#pragma once

#include <string>
#include <string_view>

#include "src/ui/headless/services.h"
#include "src/ui/headless/steps.h"

namespace fletbridge::headless {

// Whether an `answer` step is meant for this method of a control of this type.
[[nodiscard]] bool IsFor(const Step& answer, std::string_view type, std::string_view method);

// The answer to `method`, called with `args`. Relative paths begin in `folder`. An error, for the
// person, if it cannot be: the file that is picked is not there.
[[nodiscard]] Result<MethodAnswer> AnswerOf(const Step& answer, std::string_view method,
                                            const wire::Value& args, const std::string& folder);

}  // namespace fletbridge::headless
