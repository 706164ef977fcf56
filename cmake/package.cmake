# Debian packages: `bash tools/deb.sh`, or `cpack` in a folder that was configured as that does. fletbridge has what
# people run, fletbridge-dev what a C++ project needs.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fletbridge)
set(CPACK_PACKAGE_CONTACT "the fletbridge authors <authors@fletbridge.invalid>")
set(CPACK_PACKAGE_VENDOR "the fletbridge authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Flet apps in two processes or in one, unmodified")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL main dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_MAIN_PACKAGE_NAME fletbridge)
set(CPACK_DEBIAN_MAIN_PACKAGE_SECTION python)
set(CPACK_DEBIAN_MAIN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_MAIN_PACKAGE_DEPENDS python3)
# A window, and a rollout at an address; the app's Flet is its environment's.
set(CPACK_DEBIAN_MAIN_PACKAGE_RECOMMENDS "python3-venv, libgtk-3-0 | libgtk-3-0t64, libegl1, libgl1-mesa-dri, libcurl4 | libcurl4t64")
set(CPACK_COMPONENT_MAIN_DESCRIPTION "Runs an unmodified Flet app on the process layout of your choice:
Python in a process of its own, or in one with the window, over sockets or
over direct calls; in a window, or without a screen by steps. Measures these
against one another, records and replays sessions, checks what would change
for an app, and makes Flet's own Python code faster.")
set(CPACK_DEBIAN_MAIN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/debian/postinst ${CMAKE_BINARY_DIR}/debian/prerm
    ${CMAKE_BINARY_DIR}/debian/triggers)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME fletbridge-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "fletbridge (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS libboost-dev)
set(CPACK_COMPONENT_DEV_DESCRIPTION "Headers and libraries of fletbridge:
libdart_bridge, shared and as an archive, which hosts a Flet app in a process
of its own or another's, and C++ libraries for the messages of Flet's
protocol. With files for CMake's find_package and for pkg-config.")

# Python compiles at the installation what a start loads, for the machine's own interpreters, as Debian's policy has it.
file(WRITE ${CMAKE_BINARY_DIR}/debian/postinst "#!/bin/sh
set -e
if [ \"$1\" = configure ] && command -v py3compile >/dev/null; then
  py3compile -p fletbridge /usr/lib/fletbridge -V 3.10-
fi
")
file(WRITE ${CMAKE_BINARY_DIR}/debian/prerm "#!/bin/sh
set -e
if command -v py3clean >/dev/null; then
  py3clean -p fletbridge
fi
")
file(WRITE ${CMAKE_BINARY_DIR}/debian/triggers "activate-noawait ldconfig\n")
file(CHMOD ${CMAKE_BINARY_DIR}/debian/postinst ${CMAKE_BINARY_DIR}/debian/prerm
     PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
file(CHMOD ${CMAKE_BINARY_DIR}/debian/triggers PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

# Documents: only of a package, since elsewhere nobody looks for them there.
foreach(package IN ITEMS main:fletbridge dev:fletbridge-dev)
  string(REGEX MATCH "^([a-z]+):(.*)" whole ${package})
  install(CODE "
    if(CPACK_INSTALL_CMAKE_CONFIGURATIONS OR \"\$ENV{DESTDIR}\" MATCHES _CPack_Packages OR \"\${CMAKE_INSTALL_PREFIX}\" MATCHES _CPack_Packages)
      execute_process(COMMAND \"${Python3_EXECUTABLE}\" -B \"${PROJECT_SOURCE_DIR}/packaging/debian_documents.py\"
        ${CMAKE_MATCH_2} ${PROJECT_VERSION} \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\" COMMAND_ERROR_IS_FATAL ANY)
    endif()" COMPONENT ${CMAKE_MATCH_1})
endforeach()
include(CPack)
