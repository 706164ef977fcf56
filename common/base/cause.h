// Room: common/base. Explains why the operating system has refused something, and what to do: for
// example, if a program cannot be started because no descriptor is free, another program would not
// help. Any thread.
#pragma once

#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/system/system_error.hpp>

namespace fletbridge {

// No descriptor is to be had, for now; what was asked with one has no answer then.
[[nodiscard]] inline bool IsShortOfDescriptors(int number) {
  return number == EMFILE || number == ENFILE;
}

// What helps if it is for want of something that this machine or this process has too little of;
// empty for all else.
[[nodiscard]] inline std::string_view ShortageRemedy(int number) {
  switch (number) {
    case EMFILE:
      return "this process may open no more: raise its limit with ulimit -n";
    case ENFILE:
      return "this machine may open no more: end other programs";
    case EAGAIN:
      return "no further process or thread may be started: end others, or raise the limit with "
             "ulimit -u";
    case ENOMEM:
      return "end other programs, or raise the limit with ulimit -v";
    case EFBIG:
      return "raise the limit of a file's size with ulimit -f";
    case ENOSPC:
    case EDQUOT:
      return "make room on the disk";
    default:
      return {};
  }
}

// "Too many open files; <what helps>". `otherwise` is what helps if nothing is short.
[[nodiscard]] inline std::string CauseAndRemedy(int number, std::string_view otherwise) {
  const std::string_view shortage = ShortageRemedy(number);
  return std::generic_category().message(number) + "; " +
         std::string(shortage.empty() ? otherwise : shortage);
}

// What an exception that has ended the program says of the cause, and what helps where something is
// short: "Too many open files; this process may open no more: …".
[[nodiscard]] inline std::string CauseOf(const std::exception& error) {
  int number = 0;
  if (const auto* of_boost = dynamic_cast<const boost::system::system_error*>(&error)) {
    const boost::system::error_code code = of_boost->code();
    if (code.category() == boost::system::system_category() ||
        code.category() == boost::system::generic_category())
      number = code.value();
  } else if (const auto* of_std = dynamic_cast<const std::system_error*>(&error)) {
    number = of_std->code().value();
  } else if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    number = ENOMEM;
  }
  return ShortageRemedy(number).empty() ? error.what() : CauseAndRemedy(number, {});
}

}  // namespace fletbridge
