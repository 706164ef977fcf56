// Room: common/platform. The locale of the user's environment for one thread: text input in a
// window needs it, and the process's own locale is the app's.
//
// Threads: the one that makes it destroys it.
#pragma once

#include <locale.h>

namespace fletbridge::platform {

// Of text and messages. No effect where the environment names a locale that this system has not.
class UserLocale {
 public:
  UserLocale() noexcept : locale_(::newlocale(LC_CTYPE_MASK | LC_MESSAGES_MASK, "", nullptr)) {
    if (locale_ != nullptr) ::uselocale(locale_);
  }
  UserLocale(const UserLocale&) = delete;
  UserLocale& operator=(const UserLocale&) = delete;
  ~UserLocale() {
    if (locale_ == nullptr) return;
    ::uselocale(LC_GLOBAL_LOCALE);
    ::freelocale(locale_);
  }

 private:
  const locale_t locale_;
};

}  // namespace fletbridge::platform
