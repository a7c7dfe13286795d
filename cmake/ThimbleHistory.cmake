# SPDX-License-Identifier: Apache-2.0
# SQLite, in which conversations are kept (src/host/sqlite.cc). Without it the program says that it keeps no history.
set(history_default OFF)
if(NOT EMSCRIPTEN AND NOT CMAKE_SYSTEM_NAME STREQUAL "WASI" AND NOT CMAKE_CROSSCOMPILING)
  find_package(SQLite3 3.37 QUIET)
  set(history_default ${SQLite3_FOUND})
endif()
option(THIMBLE_HISTORY "Keep conversations (SQLite 3.37 or newer, where found)" ${history_default})
if(THIMBLE_HISTORY)
  find_package(SQLite3 3.37 REQUIRED)
else()
  message(STATUS "Without history: run scripts/setup and configure with THIMBLE_HISTORY=ON to keep conversations")
endif()
