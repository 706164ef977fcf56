// Room: common/base. The process's environment, changed while other threads read it: a window's
// toolkit and graphics driver ask for variables all the time, and the Dart VM first counts and then
// reads them. The C library's setenv() may free the list that a getenv() of another thread walks
// (glibc before 2.41), and its unsetenv() takes a place away from one who has counted (any glibc).
//
// Any thread. What a reader may still hold stays for ever: each distinct text, and a list that was
// outgrown. The place of a removed variable holds an empty text, which everybody who reads an
// environment passes over, until a new variable takes it; a program started with this environment
// inherits that empty text.
#pragma once

#include <string>

namespace fletbridge {

// `name` is not empty and has no '='; neither has a NUL.
void SetVariable(const std::string& name, const std::string& value);
void UnsetVariable(const std::string& name);

}  // namespace fletbridge
