// Room: common/base. Changes the process's environment safely while other threads read it: a
// window's toolkit and graphics driver read variables all the time, and the Dart VM first counts
// and then reads them. The C library's setenv() may free the list that a getenv() of another
// thread iterates over (glibc before 2.41), and its unsetenv() removes an entry from a list that
// another thread has counted (any glibc).
//
// Any thread. Memory that a reader may still use is never freed: each distinct text, and each list
// that was outgrown. A removed variable leaves an empty text in its entry, which all readers of an
// environment skip, until a new variable takes the entry; a program started with this environment
// inherits the empty text.
#pragma once

#include <string>

namespace fletbridge {

// `name` is not empty and has no '='; neither has a NUL.
void SetVariable(const std::string& name, const std::string& value);
void UnsetVariable(const std::string& name);

}  // namespace fletbridge
