# SPDX-License-Identifier: Apache-2.0
# 64-bit ARM with musl and nothing of the system: what Android's kernel runs without Android's libraries. The compiler is
# zig (scripts/get-zig). Position independent and static, in segments that also pages of 16 KiB can hold. Programs run
# under qemu-user; header-only packages and GoogleTest's sources come from the host.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER ${CMAKE_CURRENT_LIST_DIR}/zig/zig-cc)
set(CMAKE_CXX_COMPILER ${CMAKE_CURRENT_LIST_DIR}/zig/zig-c++)
set(CMAKE_AR ${CMAKE_CURRENT_LIST_DIR}/zig/zig-ar)
set(CMAKE_RANLIB ${CMAKE_CURRENT_LIST_DIR}/zig/zig-ranlib)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
get_filename_component(thimble_root ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
# Where the sources lie is not to be in the program: two folders give the same bytes. Without optimisation zig would add
# checks of its own.
set(thimble_zig_flags "-fPIE \"-ffile-prefix-map=${thimble_root}=.\" -fno-sanitize=undefined")
set(CMAKE_C_FLAGS_INIT "${thimble_zig_flags}")
set(CMAKE_CXX_FLAGS_INIT "${thimble_zig_flags}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -fPIE -pie -Wl,-z,max-page-size=16384 -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -cpu max)
set(nlohmann_json_DIR ${CMAKE_CURRENT_LIST_DIR}/zig/packages CACHE PATH "Its headers without the system's")
