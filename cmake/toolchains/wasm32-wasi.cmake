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
# Relaxed SIMD is still an experiment in Node 20 (V8 11.3), whose baseline compiler Liftoff gets relaxed dot products
# wrong: the kernels' tests fail with --liftoff-only and pass with the optimising compiler.
set(CMAKE_CROSSCOMPILING_EMULATOR node --experimental-wasm-relaxed-simd --no-liftoff --no-warnings ${wasi_runner})
