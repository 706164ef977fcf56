// Room: src/dart_bridge. The part of the Dart VM's embedding interface that is used here, in our
// own words: dart_api.h, dart_native_api.h and dart_api_dl of the Dart SDK, version 2.x (seen in
// use with Dart 3.11, table version 2.6).
#pragma once

#include <cstddef>
#include <cstdint>

namespace fletbridge::dart_bridge {

using DartPort = std::int64_t;
// Called by the VM, on any thread, when it is done with external data.
using DartFinalizer = void (*)(void* isolate_callback_data, void* peer);

enum class DartType : std::int32_t {
  kTypedData = 7,                      // copied by the VM during the post
  kUnmodifiableExternalTypedData = 13  // taken over by the VM as it is
};
inline constexpr std::int32_t kDartUint8 = 2;

struct DartObject {
  DartType type;
  union {
    struct {
      std::int32_t element_type;
      std::intptr_t length;
      const std::uint8_t* values;
    } typed_data;
    struct {
      std::int32_t element_type;
      std::intptr_t length;
      std::uint8_t* data;
      void* peer;
      DartFinalizer finalizer;  // never null: the VM calls it blindly
    } external_typed_data;
    std::int64_t as_wide[5];  // the size of the largest member in Dart's own union
  } value;
};
static_assert(offsetof(DartObject, value) == 8);
static_assert(offsetof(DartObject, value.typed_data.length) == 16);
static_assert(offsetof(DartObject, value.typed_data.values) == 24);
static_assert(offsetof(DartObject, value.external_typed_data.peer) == 32);
static_assert(offsetof(DartObject, value.external_typed_data.finalizer) == 40);
static_assert(sizeof(DartObject) == 48);

// What NativeApi.initializeApiDLData points to.
struct DartApiEntry {
  const char* name;
  void (*function)();
};
struct DartApi {
  int major;
  int minor;
  const DartApiEntry* functions;  // ended by an entry without a name
};
static_assert(offsetof(DartApi, functions) == 8);

}  // namespace fletbridge::dart_bridge
