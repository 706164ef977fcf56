// Room: common/base. Errors of fletbridge: a boost::system::error_code for programs to compare,
// and a context for people. Used by every room; depends on none of them.
//
// Values; copy and move freely, any thread.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace fletbridge {

// The causes that callers tell apart. Causes of the operating system stay in system_category().
enum class Errc {
  kClosed = 1,      // this side closed the channel; nothing is wrong
  kPeerGone,        // the other side ended or was killed
  kPeerMisbehaved,  // the other side broke the protocol
  kCut,             // the other side ended in the middle of a packet
  kLimit,           // a size, a count or a deadline was passed
  kSetup,           // this machine lacks something: an interpreter, a library, a package
  kUsage,           // the person asked for something that cannot be
  kUntrusted,       // a local peer that is not the one we expect
};
const boost::system::error_category& ErrorCategory() noexcept;
inline boost::system::error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), ErrorCategory()};
}

// One failure. `context` is a whole sentence for a person: what, why, what to do.
struct Error {
  boost::system::error_code code;
  std::string context;

  // The one line to print: the context, or the code's own text where there is none.
  [[nodiscard]] std::string Line() const;
};

inline Error MakeError(Errc code, std::string context) {
  return Error{make_error_code(code), std::move(context)};
}

[[noreturn]] void throw_exception_from_error(const Error& e, const boost::source_location& where);

template <class T = void>
using Result = boost::system::result<T, Error>;

}  // namespace fletbridge

namespace boost::system {
template <>
struct is_error_code_enum<fletbridge::Errc> : std::true_type {};
}  // namespace boost::system
