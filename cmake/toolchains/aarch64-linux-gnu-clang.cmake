# SPDX-License-Identifier: Apache-2.0
# As aarch64-linux-gnu.cmake, with clang 19 over the libraries of Debian's cross compiler:
#   cmake --preset aarch64 --toolchain cmake/toolchains/aarch64-linux-gnu-clang.cmake -B build-aarch64-clang
include(${CMAKE_CURRENT_LIST_DIR}/aarch64-linux-gnu.cmake)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
