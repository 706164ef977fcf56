// Room: src/packaged_app. The argument of Dart_InitializeApiDL and the objects of Dart_PostCObject,
// in the layout of Dart's dart_native_api.h (API 2.x); only the parts that a message bridge uses.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fletbridge::dart_vm {

using Port = std::int64_t;

enum CObjectType : std::int32_t {
  kInt32 = 2,
  kInt64 = 3,
  kTypedData = 7,
  kExternalTypedData = 8,
  kUnmodifiableExternalTypedData = 13,
};
inline constexpr std::int32_t kUint8 = 2;  // the element type of a Uint8List

// The first argument is the isolate's, null for a native port.
using Finalizer = void (*)(void* isolate_data, void* peer);

struct CObject {
  std::int32_t type;
  union {
    std::int32_t as_int32;
    std::int64_t as_int64;
    struct {
      std::int32_t element_type;
      std::intptr_t length;
      const std::uint8_t* values;
    } as_typed_data;
    struct {
      std::int32_t element_type;
      std::intptr_t length;
      std::uint8_t* data;
      void* peer;
      Finalizer callback;
    } as_external_typed_data;
    struct {
      std::intptr_t length;
      CObject** values;
    } as_array;  // the largest but for the external one: here for the size
  } value;
};
static_assert(sizeof(void*) != 8 || (sizeof(CObject) == 48 && offsetof(CObject, value) == 8));

using NativeHandler = void (*)(Port, CObject*);
using NewNativePort = Port (*)(const char* name, NativeHandler handler, bool concurrent);
using CloseNativePort = bool (*)(Port port);
using PostCObject = bool (*)(Port port, CObject* message);
using PostInteger = bool (*)(Port port, std::int64_t message);

struct ApiEntry {
  const char* name;  // null after the last
  void (*function)();
};
struct ApiTable {
  std::int32_t major;
  std::int32_t minor;
  const ApiEntry* functions;
};

}  // namespace fletbridge::dart_vm
