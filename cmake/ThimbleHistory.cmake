# SPDX-License-Identifier: Apache-2.0
# SQLite, in which conversations are kept (src/host/sqlite.cc): the system's, or its source in THIMBLE_SQLITE_DIR (scripts/get-sqlite
# fetches it for the Android build). Without it the program says that it keeps no history.
set(THIMBLE_SQLITE_DIR "" CACHE PATH "SQLite's source, to be built into the program; empty: the system's library")
set(history_default OFF)
if(THIMBLE_SQLITE_DIR)
  set(history_default ON)
elseif(NOT EMSCRIPTEN AND NOT CMAKE_SYSTEM_NAME STREQUAL "WASI" AND NOT CMAKE_CROSSCOMPILING)
  find_package(SQLite3 3.37 QUIET)
  set(history_default ${SQLite3_FOUND})
endif()
option(THIMBLE_HISTORY "Keep conversations (SQLite 3.37 or newer, where found)" ${history_default})
if(THIMBLE_HISTORY AND THIMBLE_SQLITE_DIR)
  if(NOT EXISTS ${THIMBLE_SQLITE_DIR}/sqlite3.c)
    message(FATAL_ERROR "${THIMBLE_SQLITE_DIR} has no sqlite3.c: run scripts/get-sqlite")
  endif()
  add_library(thimble_sqlite STATIC ${THIMBLE_SQLITE_DIR}/sqlite3.c)
  add_library(SQLite::SQLite3 ALIAS thimble_sqlite)
  target_include_directories(thimble_sqlite SYSTEM PUBLIC ${THIMBLE_SQLITE_DIR})
  # What a search needs; no code from elsewhere; what is temporary stays in memory, since Android has no folder for it; files
  # that nobody else reads.
  target_compile_definitions(thimble_sqlite PRIVATE SQLITE_THREADSAFE=1 SQLITE_ENABLE_FTS5 SQLITE_OMIT_LOAD_EXTENSION
    SQLITE_TEMP_STORE=3 SQLITE_DEFAULT_FILE_PERMISSIONS=0600 SQLITE_DEFAULT_MEMSTATUS=0 SQLITE_OMIT_DEPRECATED
    SQLITE_DQS=0 HAVE_FDATASYNC=1 HAVE_USLEEP=1 HAVE_LOCALTIME_R=1 HAVE_GMTIME_R=1 HAVE_ISNAN=1)
  target_compile_options(thimble_sqlite PRIVATE -w)
  target_link_libraries(thimble_sqlite PUBLIC Threads::Threads)
elseif(THIMBLE_HISTORY)
  find_package(SQLite3 3.37 REQUIRED)
else()
  message(STATUS "Without history: run scripts/setup and configure with THIMBLE_HISTORY=ON to keep conversations")
endif()
