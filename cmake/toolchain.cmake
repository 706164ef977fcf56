# How everything is compiled: a compiler cache where there is one, warnings, sanitizers. Rooms link
# fletbridge::options privately and set no flags of their own.
option(FLETBRIDGE_WERROR "Treat warnings as errors" OFF)
set(FLETBRIDGE_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined or thread")

find_program(CCACHE ccache)
if(CCACHE)
  # Relative to the source folder, so that one clone's objects serve another.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

add_library(fletbridge_options INTERFACE)
add_library(fletbridge::options ALIAS fletbridge_options)
target_include_directories(fletbridge_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(fletbridge_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 takes std::string's operator+ for overlapping copies (GCC bug 105651).
  target_compile_options(fletbridge_options INTERFACE -Wno-restrict)
endif()
if(FLETBRIDGE_WERROR)
  target_compile_options(fletbridge_options INTERFACE -Werror)
endif()
if(FLETBRIDGE_SANITIZE)
  target_compile_options(fletbridge_options INTERFACE -fsanitize=${FLETBRIDGE_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(fletbridge_options INTERFACE -fsanitize=${FLETBRIDGE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC's flow analysis gives false alarms in instrumented Boost headers.
    target_compile_options(fletbridge_options INTERFACE -Wno-error=maybe-uninitialized -Wno-tsan)
  endif()
endif()

# For programs and libraries that leave this machine: they bring their own C++ library, since another machine, or the
# process that they are loaded into, may have another one, and ask for no glibc above 2.34, which is where this
# compiler's own start-up code and its pthread_*, dl* and stat() begin. An instrumented build stays here.
add_library(fletbridge_portable INTERFACE)
add_library(fletbridge::portable ALIAS fletbridge_portable)
if(NOT FLETBRIDGE_SANITIZE)
  add_library(fletbridge_arc4random OBJECT ${CMAKE_CURRENT_LIST_DIR}/arc4random.cc)
  target_sources(fletbridge_portable INTERFACE $<TARGET_OBJECTS:fletbridge_arc4random>)
  target_link_options(fletbridge_portable INTERFACE -static-libstdc++)
endif()

# fletbridge_room(NAME SOURCES ... [PUBLIC targets ...] [PRIVATE targets ...])
# One folder = one static library fletbridge::NAME; only what is listed links, so a wrong include
# does not build. Without SOURCES it is a room of headers.
function(fletbridge_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  if(NOT ROOM_SOURCES)
    add_library(fletbridge_${name} INTERFACE)
    add_library(fletbridge::${name} ALIAS fletbridge_${name})
    target_link_libraries(fletbridge_${name} INTERFACE fletbridge::options ${ROOM_PUBLIC})
    return()
  endif()
  add_library(fletbridge_${name} STATIC ${ROOM_SOURCES})
  add_library(fletbridge::${name} ALIAS fletbridge_${name})
  target_link_libraries(fletbridge_${name} PUBLIC fletbridge::options ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
endfunction()
