# Third-party libraries, all from Debian packages; tools/setup.sh installs them.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(Python3 COMPONENTS Interpreter)

# Asio, header only; the one place that says how it is configured.
add_library(fletbridge_asio INTERFACE)
add_library(fletbridge::asio ALIAS fletbridge_asio)
target_include_directories(fletbridge_asio SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(fletbridge_asio INTERFACE BOOST_ASIO_NO_DEPRECATED
                           BOOST_ASIO_DISABLE_CONCEPTS BOOST_ERROR_CODE_HEADER_ONLY)
target_link_libraries(fletbridge_asio INTERFACE Threads::Threads)

# MessagePack: Debian's headers pull in another Boost, so set-up unpacks them beside the build.
find_path(MSGPACK_INCLUDE_DIR msgpack.hpp
          HINTS ${PROJECT_SOURCE_DIR}/build/deps/msgpack/usr/include REQUIRED)
add_library(fletbridge_msgpack INTERFACE)
add_library(fletbridge::msgpack ALIAS fletbridge_msgpack)
target_include_directories(fletbridge_msgpack SYSTEM INTERFACE ${MSGPACK_INCLUDE_DIR} ${Boost_INCLUDE_DIRS})

# CPython's headers only (the stable ABI of 3.10): the library itself is opened at run time.
find_path(PYTHON_INCLUDE_DIR Python.h PATHS /usr/include/python3.11 /usr/include/python3.12
          /usr/include/python3.13 /usr/include/python3.10 NO_DEFAULT_PATH REQUIRED)
add_library(fletbridge_python_headers INTERFACE)
add_library(fletbridge::python_headers ALIAS fletbridge_python_headers)
target_include_directories(fletbridge_python_headers SYSTEM INTERFACE ${PYTHON_INCLUDE_DIR})
target_compile_definitions(fletbridge_python_headers INTERFACE Py_LIMITED_API=0x030a0000)

find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)

# X's protocol, for `fletbridge compare --ui desktop`. Static: a machine without a display need not
# have it.
add_library(fletbridge_xcb INTERFACE)
add_library(fletbridge::xcb ALIAS fletbridge_xcb)
foreach(part IN ITEMS xcb-damage xcb-xfixes xcb-xtest xcb Xau Xdmcp)
  string(TOUPPER "${part}_library" variable)
  find_library(${variable} lib${part}.a REQUIRED)
  target_link_libraries(fletbridge_xcb INTERFACE ${${variable}})
endforeach()

# The static library of the machine's own CPython, for --hosting static. Where there is none, the
# rest is built without it. STATIC_PYTHON_*: which interpreter it is the inside of.
set(STATIC_PYTHON_LIBRARY "")
set(STATIC_PYTHON_VERSION "")
set(STATIC_PYTHON_SOABI "")
set(STATIC_PYTHON_PREFIX "")
execute_process(
  COMMAND /usr/bin/python3 -c "import os, platform, sys, sysconfig
var = sysconfig.get_config_var
print(os.path.join(var('LIBPL') or '', var('LIBRARY') or '?'), platform.python_version(), var('SOABI'), sys.base_prefix, sep=';')"
  OUTPUT_VARIABLE static_python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(static_python)
  list(GET static_python 0 static_library)
  if(EXISTS ${static_library} AND NOT FLETBRIDGE_SANITIZE)
    set(STATIC_PYTHON_LIBRARY ${static_library})
    list(GET static_python 1 STATIC_PYTHON_VERSION)
    list(GET static_python 2 STATIC_PYTHON_SOABI)
    list(GET static_python 3 STATIC_PYTHON_PREFIX)
  endif()
endif()
