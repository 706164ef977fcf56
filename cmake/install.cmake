# What a C++ project finds of an installation: headers in include/fletbridge, find_package(fletbridge) and pkg-config.
# The archives are what a client of Flet's protocol needs: the interface of transports, and the messages.
file(GLOB public_headers RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/common/transport/*.h
     ${PROJECT_SOURCE_DIR}/common/wire/*.h)
foreach(header IN LISTS public_headers ITEMS common/base/error.h)
  # Installed without the tree's top folder, which is no name to put before every project's own.
  string(REGEX REPLACE "^common/" "fletbridge/" public ${header})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  file(READ ${PROJECT_SOURCE_DIR}/${header} text)
  string(REPLACE "#include \"common/" "#include \"fletbridge/" text "${text}")
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/include/${public} CONTENT "${text}")
  cmake_path(GET public PARENT_PATH folder)
  install(FILES ${CMAKE_BINARY_DIR}/include/${public} DESTINATION include/${folder})
endforeach()
install(TARGETS fletbridge_wire fletbridge_base ARCHIVE DESTINATION lib)

include(CMakePackageConfigHelpers)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/fletbridgeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/fletbridgeConfig.cmake ${CMAKE_BINARY_DIR}/fletbridgeConfigVersion.cmake
        DESTINATION lib/cmake/fletbridge)
foreach(file IN ITEMS fletbridge-bridge fletbridge-wire)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${file}.pc.in ${CMAKE_BINARY_DIR}/${file}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${file}.pc DESTINATION lib/pkgconfig)
endforeach()
