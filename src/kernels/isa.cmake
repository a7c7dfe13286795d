# SPDX-License-Identifier: Apache-2.0
# thimble_isa(NAME "KINDS" flags...): the float, packed and peak kernels of one instruction set, or some of them. Its flags belong to
# those files alone, never to the program; they are always optimised, also in debug builds (templates that are not inlined would
# become weak symbols compiled for the instruction set, which the linker may pick for everybody), and built without LTO.
# tools/check_kernel_symbols.py looks at the result.
function(thimble_isa name kinds)
  foreach(kind IN LISTS kinds)
    set(file ${CMAKE_CURRENT_SOURCE_DIR}/kernels/isa/${kind}_${name}.cc)
    target_sources(thimble_kernels PRIVATE ${file})
    set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "-O3;-fno-lto;-fno-sanitize=all;${thimble_isa_warnings};${ARGN}")
  endforeach()
endfunction()

# GCC 12 takes the undefined vectors inside its own intrinsics for uninitialised variables.
set(thimble_isa_warnings)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(thimble_isa_warnings -Wno-maybe-uninitialized -Wno-uninitialized -Wno-ignored-attributes -Wno-psabi)
endif()

thimble_isa(scalar "float;packed;peak")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT CMAKE_SYSTEM_NAME STREQUAL "WASI")
  thimble_isa(avx2 "float;packed;peak" -mavx2 -mfma -mf16c)
  thimble_isa(avxvnni "packed;peak" -mavx2 -mfma -mf16c -mavxvnni)
  thimble_isa(avx512vnni "float;packed;peak" -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mfma -mf16c -mprefer-vector-width=512)
  target_compile_definitions(thimble_kernels PRIVATE THIMBLE_KERNELS_X86=1)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  # NEON itself is part of the architecture: no flags.
  thimble_isa(neon float)
  thimble_isa(neon_mull "packed;peak")
  thimble_isa(neon "packed;peak" -march=armv8.2-a+dotprod)
  thimble_isa(neon_i8mm packed -march=armv8.2-a+dotprod+i8mm)
  target_compile_definitions(thimble_kernels PRIVATE THIMBLE_KERNELS_NEON=1)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "WASI" OR EMSCRIPTEN)
  # A module cannot ask what its engine can do: what is built in must be there. SIMD128 is everywhere (the toolchain file
  # turns it on); relaxed SIMD (2023) makes a second build.
  thimble_isa(wasm_simd128 "float;packed")
  thimble_isa(wasm_simd128_x86 packed)
  target_compile_definitions(thimble_kernels PRIVATE THIMBLE_KERNELS_WASM=1)
  if(THIMBLE_WASM_RELAXED)
    thimble_isa(wasm_relaxed "float;packed")
    thimble_isa(wasm_relaxed_x86 packed)
    target_compile_definitions(thimble_kernels PRIVATE THIMBLE_KERNELS_WASM_RELAXED=1)
  endif()
endif()
