// Room: common/base. The process's environment, changed while other threads read it: the C
// library's setenv() may free the list that a getenv() of another thread walks (glibc before 2.41),
// and a window's toolkit and graphics driver ask for variables all the time.
//
// Any thread. What a reader may still hold stays: each distinct text for ever, a list for some
// seconds.
#pragma once

#include <string>

namespace fletbridge {

// `name` is not empty and has no '='; neither has a NUL.
void SetVariable(const std::string& name, const std::string& value);
void UnsetVariable(const std::string& name);

}  // namespace fletbridge
