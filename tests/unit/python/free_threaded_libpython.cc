// A library that says of itself what CPython built without the GIL says (Python/getversion.c).
extern "C" const char* Py_GetVersion() {
  return "3.14.0 free-threading build (main, Oct  7 2025, 12:00:00) [GCC 12.2.0]";
}
