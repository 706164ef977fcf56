#include "common/base/error.h"

#include <boost/system/system_error.hpp>

namespace fletbridge {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "fletbridge"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::kClosed:
        return "closed by this side";
      case Errc::kPeerGone:
        return "the other side is gone";
      case Errc::kPeerMisbehaved:
        return "the other side broke the protocol";
      case Errc::kCut:
        return "the other side ended in the middle of a packet";
      case Errc::kLimit:
        return "a limit was passed";
      case Errc::kSetup:
        return "something is missing on this machine";
      case Errc::kUsage:
        return "wrong usage";
      case Errc::kUntrusted:
        return "an untrusted peer";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& ErrorCategory() noexcept {
  static const Category category;
  return category;
}

std::string Error::Line() const { return context.empty() ? code.message() : context; }

void throw_exception_from_error(const Error& e, const boost::source_location&) {
  throw boost::system::system_error(e.code, e.context);
}

}  // namespace fletbridge
