# fletbridge::dart_bridge         libdart_bridge.so; C
# fletbridge::dart_bridge_static  the same as an archive, for an executable that has all inside
# fletbridge::transport           the interface of transports and UIs; headers of C++20
# fletbridge::wire                messages of Flet's protocol, the control tree; C++20
# Of an installation that may have been moved.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
if(NOT TARGET fletbridge::wire)
  get_filename_component(fletbridge_prefix ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
  find_path(FLETBRIDGE_BOOST_INCLUDE_DIR boost/system/result.hpp)  # a header-only use, of 1.81 or later
  if(NOT FLETBRIDGE_BOOST_INCLUDE_DIR)
    set(fletbridge_FOUND FALSE)
    set(fletbridge_NOT_FOUND_MESSAGE "fletbridge's headers need Boost's, 1.81 or later; install libboost-dev")
    return()
  endif()

  add_library(fletbridge::dart_bridge SHARED IMPORTED)
  set_target_properties(fletbridge::dart_bridge PROPERTIES IMPORTED_LOCATION ${fletbridge_prefix}/lib/libdart_bridge.so
    IMPORTED_NO_SONAME ON INTERFACE_INCLUDE_DIRECTORIES ${fletbridge_prefix}/include)
  add_library(fletbridge::dart_bridge_static STATIC IMPORTED)
  set_target_properties(fletbridge::dart_bridge_static PROPERTIES
    IMPORTED_LOCATION ${fletbridge_prefix}/lib/libdart_bridge.a IMPORTED_LINK_INTERFACE_LANGUAGES CXX
    INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS}" INTERFACE_INCLUDE_DIRECTORIES ${fletbridge_prefix}/include)

  add_library(fletbridge::base STATIC IMPORTED)
  set_target_properties(fletbridge::base PROPERTIES IMPORTED_LOCATION ${fletbridge_prefix}/lib/libfletbridge_base.a
    IMPORTED_LINK_INTERFACE_LANGUAGES CXX INTERFACE_COMPILE_FEATURES cxx_std_20 INTERFACE_LINK_LIBRARIES Threads::Threads
    INTERFACE_INCLUDE_DIRECTORIES "${fletbridge_prefix}/include;${FLETBRIDGE_BOOST_INCLUDE_DIR}")
  add_library(fletbridge::transport INTERFACE IMPORTED)
  set_target_properties(fletbridge::transport PROPERTIES INTERFACE_LINK_LIBRARIES fletbridge::base)
  add_library(fletbridge::wire STATIC IMPORTED)
  set_target_properties(fletbridge::wire PROPERTIES IMPORTED_LOCATION ${fletbridge_prefix}/lib/libfletbridge_wire.a
    IMPORTED_LINK_INTERFACE_LANGUAGES CXX INTERFACE_LINK_LIBRARIES fletbridge::transport)
endif()
