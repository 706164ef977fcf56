#include "common/platform/folder_watch.h"

#include <cerrno>

namespace fletbridge::platform {
namespace {

boost::system::error_code None() { return {ENOTSUP, boost::system::system_category()}; }

}  // namespace

boost::system::result<FolderWatch> FolderWatch::Make() { return None(); }
boost::system::result<int> FolderWatch::Add(const std::string&) { return None(); }
std::vector<FolderEvent> FolderWatch::Take() { return {}; }

}  // namespace fletbridge::platform
