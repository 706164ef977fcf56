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
  install(FILES ${CMAKE_BINARY_DIR}/include/${public} DESTINATION include/${folder} COMPONENT dev)
endforeach()
install(TARGETS fletbridge_wire fletbridge_base ARCHIVE DESTINATION lib COMPONENT dev)

include(CMakePackageConfigHelpers)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/fletbridgeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/fletbridgeConfig.cmake ${CMAKE_BINARY_DIR}/fletbridgeConfigVersion.cmake
        DESTINATION lib/cmake/fletbridge COMPONENT dev)
foreach(file IN ITEMS fletbridge-bridge fletbridge-wire)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${file}.pc.in ${CMAKE_BINARY_DIR}/${file}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${file}.pc DESTINATION lib/pkgconfig COMPONENT dev)
endforeach()

# The headers' documentation, for a browser: `cmake --build DIR --target api_documentation`.
find_package(Doxygen QUIET)
if(DOXYGEN_FOUND)
  set(DOXYGEN_PROJECT_NAME fletbridge)
  set(DOXYGEN_PROJECT_NUMBER ${PROJECT_VERSION})
  set(DOXYGEN_PROJECT_BRIEF "Flet's protocol and libdart_bridge, for C and C++")
  set(DOXYGEN_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/api)
  set(DOXYGEN_USE_MDFILE_AS_MAINPAGE ${PROJECT_SOURCE_DIR}/docs/cpp.md)
  set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)
  set(DOXYGEN_WARN_IF_UNDOCUMENTED NO)
  set(DOXYGEN_EXTRACT_ALL YES)
  set(DOXYGEN_JAVADOC_AUTOBRIEF YES)
  set(DOXYGEN_STRIP_FROM_PATH ${CMAKE_BINARY_DIR}/include)
  set(DOXYGEN_STRIP_FROM_INC_PATH ${CMAKE_BINARY_DIR}/include)
  set(DOXYGEN_GENERATE_LATEX NO)
  set(DOXYGEN_AUTOLINK_SUPPORT NO)
  set(DOXYGEN_MACRO_EXPANSION YES)
  set(DOXYGEN_HTML_TIMESTAMP NO)
  set(DOXYGEN_EXCLUDE_SYMBOLS "*::detail")
  # Our comments are plain ones.
  set(DOXYGEN_INPUT_FILTER "sed -f ${CMAKE_CURRENT_LIST_DIR}/doxygen.sed")
  configure_file(${PROJECT_SOURCE_DIR}/src/dart_bridge/dart_bridge.h ${CMAKE_BINARY_DIR}/include/fletbridge/dart_bridge.h
                 COPYONLY)
  doxygen_add_docs(api_documentation ${CMAKE_BINARY_DIR}/include/fletbridge ${PROJECT_SOURCE_DIR}/docs/cpp.md
                   COMMENT "The headers' documentation, in ${CMAKE_BINARY_DIR}/api/html")
endif()

# Man pages and completion: what the program that is installed says of itself.
install(CODE "
  set(share \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share\")
  execute_process(COMMAND \"${Python3_EXECUTABLE}\" -B \"${PROJECT_SOURCE_DIR}/tools/man_pages.py\"
    --bin \"$<TARGET_FILE_DIR:fletbridge>\" \"\${share}/man/man1\" COMMAND_ERROR_IS_FATAL ANY)
  foreach(place IN ITEMS bash:bash-completion/completions/fletbridge zsh:zsh/vendor-completions/_fletbridge
          fish:fish/vendor_completions.d/fletbridge.fish)
    string(REGEX MATCH \"^([a-z]+):(.*)/([^/]+)\" whole \${place})
    file(MAKE_DIRECTORY \"\${share}/\${CMAKE_MATCH_2}\")
    execute_process(COMMAND \"$<TARGET_FILE:fletbridge>\" completion \${CMAKE_MATCH_1}
      OUTPUT_FILE \"\${share}/\${CMAKE_MATCH_2}/\${CMAKE_MATCH_3}\" COMMAND_ERROR_IS_FATAL ANY)
  endforeach()")
