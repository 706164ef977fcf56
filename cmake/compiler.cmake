# FLETBRIDGE_CLANG: Clang, by whichever name this machine has it. Tested: 14 to 19.
option(FLETBRIDGE_CLANG "Compile with Clang" OFF)
if(FLETBRIDGE_CLANG AND NOT CMAKE_CXX_COMPILER)
  find_program(FLETBRIDGE_CLANGXX NAMES clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14 REQUIRED)
  set(CMAKE_CXX_COMPILER ${FLETBRIDGE_CLANGXX})
endif()
