# Third-party libraries, all from Debian packages; tools/setup.sh installs them.
set(FLETBRIDGE_DEPS ${PROJECT_SOURCE_DIR}/build/deps)  # and these are unpacked there
if(DEFINED ENV{FLETBRIDGE_DEPS})
  set(FLETBRIDGE_DEPS $ENV{FLETBRIDGE_DEPS})  # of another tree, such as the one that a source archive was made of
endif()
option(FLETBRIDGE_STATIC_PYTHON "Build the executable with this machine's static libpython inside" ON)
find_package(Threads REQUIRED)
if(POLICY CMP0167)
  cmake_policy(SET CMP0167 OLD)  # headers alone, which need no BoostConfig.cmake
endif()
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
if(FLETBRIDGE_TESTS)
  find_package(GTest REQUIRED)
endif()
find_package(Python3 COMPONENTS Interpreter)

# Asio, header only; the one place that says how it is configured.
add_library(fletbridge_asio INTERFACE)
add_library(fletbridge::asio ALIAS fletbridge_asio)
target_include_directories(fletbridge_asio SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(fletbridge_asio INTERFACE BOOST_ASIO_NO_DEPRECATED
                           BOOST_ASIO_DISABLE_CONCEPTS BOOST_ERROR_CODE_HEADER_ONLY)
target_link_libraries(fletbridge_asio INTERFACE Threads::Threads)
if(FLETBRIDGE_PLATFORM STREQUAL "posix")  # as if this system had nothing else either
  target_compile_definitions(fletbridge_asio INTERFACE BOOST_ASIO_DISABLE_EPOLL BOOST_ASIO_DISABLE_EVENTFD
                             BOOST_ASIO_DISABLE_TIMERFD)
endif()

# MessagePack: Debian's headers pull in another Boost, so set-up unpacks them beside the build.
find_path(MSGPACK_INCLUDE_DIR msgpack.hpp
          HINTS ${FLETBRIDGE_DEPS}/msgpack/usr/include REQUIRED)
add_library(fletbridge_msgpack INTERFACE)
add_library(fletbridge::msgpack ALIAS fletbridge_msgpack)
target_include_directories(fletbridge_msgpack SYSTEM INTERFACE ${MSGPACK_INCLUDE_DIR} ${Boost_INCLUDE_DIRS})

# CPython's headers only (the stable ABI of 3.10): the library itself is opened at run time.
# Those of the machine's own Python before those of another one on PATH.
set(python_includes "")
foreach(python IN ITEMS /usr/bin/python3 ${Python3_EXECUTABLE})
  execute_process(COMMAND ${python} -c "import sysconfig; print(sysconfig.get_path('include'))"
                  OUTPUT_VARIABLE python_include OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(APPEND python_includes ${python_include})
endforeach()
find_path(PYTHON_INCLUDE_DIR Python.h PATHS ${python_includes} NO_DEFAULT_PATH REQUIRED)
add_library(fletbridge_python_headers INTERFACE)
add_library(fletbridge::python_headers ALIAS fletbridge_python_headers)
target_include_directories(fletbridge_python_headers SYSTEM INTERFACE ${PYTHON_INCLUDE_DIR})
target_compile_definitions(fletbridge_python_headers INTERFACE Py_LIMITED_API=0x030a0000)

find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)

# X's protocol, for `fletbridge compare --ui desktop`. Static: a machine without a display need not
# have it.
if(FLETBRIDGE_DISPLAY)
  add_library(fletbridge_xcb INTERFACE)
  add_library(fletbridge::xcb ALIAS fletbridge_xcb)
  foreach(part IN ITEMS xcb-damage xcb-xfixes xcb-xtest xcb Xau Xdmcp)
    string(TOUPPER "${part}_library" variable)
    find_library(${variable} lib${part}.a REQUIRED)
    target_link_libraries(fletbridge_xcb INTERFACE ${${variable}})
  endforeach()
endif()

# Brotli. Static, and its names for us alone, as of what follows.
find_path(BROTLI_INCLUDE_DIR brotli/encode.h REQUIRED)
add_library(fletbridge_brotli INTERFACE)
add_library(fletbridge::brotli ALIAS fletbridge_brotli)
target_include_directories(fletbridge_brotli SYSTEM INTERFACE ${BROTLI_INCLUDE_DIR})
foreach(part IN ITEMS enc dec common)
  find_library(BROTLI_${part}_LIBRARY libbrotli${part}.a REQUIRED)
  target_link_libraries(fletbridge_brotli INTERFACE ${BROTLI_${part}_LIBRARY})
  target_link_options(fletbridge_brotli INTERFACE -Wl,--exclude-libs,libbrotli${part}.a)
endforeach()

# SHA-256. Static, and its names for us alone: an app's library may have a SHA256Init of its own.
find_path(MD_INCLUDE_DIR sha2.h REQUIRED)
find_library(MD_LIBRARY libmd.a REQUIRED)
add_library(fletbridge_md INTERFACE)
add_library(fletbridge::md ALIAS fletbridge_md)
target_include_directories(fletbridge_md SYSTEM INTERFACE ${MD_INCLUDE_DIR})
target_link_libraries(fletbridge_md INTERFACE ${MD_LIBRARY})
target_link_options(fletbridge_md INTERFACE -Wl,--exclude-libs,libmd.a)

# The static library of the machine's own CPython, for --hosting static. Where there is none, the
# rest is built without it. STATIC_PYTHON_*: which interpreter it is the inside of.
set(STATIC_PYTHON_LIBRARY "")
set(STATIC_PYTHON_VERSION "")
set(STATIC_PYTHON_SOABI "")
set(STATIC_PYTHON_PREFIX "")
execute_process(
  COMMAND /usr/bin/python3 -c "import os, platform, sys, sysconfig
var = sysconfig.get_config_var
libraries = dict.fromkeys(' '.join(filter(None, map(var, ('MODLIBS', 'LIBS', 'SYSLIBS')))).split())
print(os.path.join(var('LIBPL') or '', var('LIBRARY') or '?'), platform.python_version(), var('SOABI'), sys.base_prefix,
      *(library for library in libraries if library.startswith('-l')), sep=';')"
  OUTPUT_VARIABLE static_python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(static_python)
  list(GET static_python 0 static_library)
  if(FLETBRIDGE_STATIC_PYTHON AND EXISTS ${static_library} AND NOT FLETBRIDGE_SANITIZE)
    set(STATIC_PYTHON_LIBRARY ${static_library})
    list(GET static_python 1 STATIC_PYTHON_VERSION)
    string(REGEX REPLACE "\\.[0-9]+$" "" static_minor ${STATIC_PYTHON_VERSION})
    list(GET static_python 2 STATIC_PYTHON_SOABI)
    list(GET static_python 3 STATIC_PYTHON_PREFIX)
    list(SUBLIST static_python 4 -1 STATIC_PYTHON_NEEDS)  # what its modules link
    set(STATIC_PYTHON_LINK -Wl,--whole-archive ${static_library} -Wl,--no-whole-archive ${STATIC_PYTHON_NEEDS}
        ${CMAKE_DL_LIBS} m util)
    # Not every system's is whole: Debian 13's asks for a library that no package has.
    file(WRITE ${CMAKE_BINARY_DIR}/static_python.cc "extern \"C\" int Py_BytesMain(int, char**);
int main(int argc, char** argv) { return Py_BytesMain(argc, argv); }
")
    try_compile(STATIC_PYTHON_LINKS_${static_minor} ${CMAKE_BINARY_DIR}/static_python
                SOURCES ${CMAKE_BINARY_DIR}/static_python.cc
                LINK_OPTIONS -rdynamic -no-pie LINK_LIBRARIES ${STATIC_PYTHON_LINK})
    if(NOT STATIC_PYTHON_LINKS_${static_minor})
      message(STATUS "No --hosting static: ${static_library} can not be linked")
      set(STATIC_PYTHON_LIBRARY "")
      set(STATIC_PYTHON_VERSION "")
      set(STATIC_PYTHON_SOABI "")
      set(STATIC_PYTHON_PREFIX "")
    endif()
  endif()
endif()
