#include "src/ui/desktop/library.h"

#include <algorithm>
#include <cstdint>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string_view>

namespace fletbridge::desktop {
namespace {

// The number of symbols follows only from the GNU hash table: the highest index in a chain, whose
// last entry has its lowest bit set.
std::size_t SymbolCount(const std::uint32_t* hash) {
  const std::uint32_t buckets = hash[0];
  const std::uint32_t first = hash[1];
  const std::uint32_t* bucket = hash + 4 + hash[2] * (sizeof(ElfW(Addr)) / sizeof(std::uint32_t));
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < buckets; ++i) last = std::max(last, bucket[i]);
  if (last < first) return first;
  const std::uint32_t* chain = bucket + buckets;
  while ((chain[last - first] & 1) == 0) ++last;
  return last + 1;
}

}  // namespace

Result<Library> Library::Open(const std::string& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) return MakeError(Errc::kSetup, ::dlerror());
  return Library(handle);
}

void* Library::Find(const char* name) const { return ::dlsym(handle_, name); }

std::vector<std::string> Library::NamesEndingWith(std::string_view end) const {
  std::vector<std::string> names;
  link_map* map = nullptr;
  if (::dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0) return names;
  const ElfW(Sym)* symbols = nullptr;
  const char* texts = nullptr;
  const std::uint32_t* hash = nullptr;
  for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry) {
    const auto at = reinterpret_cast<const void*>(entry->d_un.d_ptr);  // glibc has added the base
    if (entry->d_tag == DT_SYMTAB) symbols = static_cast<const ElfW(Sym)*>(at);
    if (entry->d_tag == DT_STRTAB) texts = static_cast<const char*>(at);
    if (entry->d_tag == DT_GNU_HASH) hash = static_cast<const std::uint32_t*>(at);
  }
  if (symbols == nullptr || texts == nullptr || hash == nullptr) return names;
  for (std::size_t i = 0, count = SymbolCount(hash); i < count; ++i) {
    const std::string_view name = texts + symbols[i].st_name;
    if (symbols[i].st_shndx != SHN_UNDEF && name.ends_with(end)) names.emplace_back(name);
  }
  return names;
}

}  // namespace fletbridge::desktop
