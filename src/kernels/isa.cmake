# SPDX-License-Identifier: Apache-2.0
# thimble_isa(NAME flags...): the float and packed kernels of one instruction set. Its flags belong to those files alone,
# never to the program; they are always optimised, also in debug builds (templates that are not inlined would become weak
# symbols compiled for the instruction set, which the linker may pick for everybody), and built without LTO.
# tools/check_kernel_symbols.sh looks at the result.
# thimble_isa_file(KIND_NAME flags...): one of the two, where the other is shared with another instruction set.
function(thimble_isa_file name)
  set(file ${CMAKE_CURRENT_SOURCE_DIR}/kernels/isa/${name}.cc)
  target_sources(thimble_kernels PRIVATE ${file})
  set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "-O3;-fno-lto;-fno-sanitize=all;${thimble_isa_warnings};${ARGN}")
endfunction()
function(thimble_isa name)
  thimble_isa_file(float_${name} ${ARGN})
  thimble_isa_file(packed_${name} ${ARGN})
endfunction()

# GCC 12 takes the undefined vectors inside its own intrinsics for uninitialised variables.
set(thimble_isa_warnings)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(thimble_isa_warnings -Wno-maybe-uninitialized -Wno-uninitialized -Wno-ignored-attributes -Wno-psabi)
endif()

thimble_isa(scalar)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT CMAKE_SYSTEM_NAME STREQUAL "WASI")
  thimble_isa(avx2 -mavx2 -mfma -mf16c)
  thimble_isa(avx512vnni -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mfma -mf16c -mprefer-vector-width=512)
  target_compile_definitions(thimble_kernels PRIVATE THIMBLE_KERNELS_X86=1)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  thimble_isa_file(float_neon)
  thimble_isa_file(packed_neon_mull)
  thimble_isa_file(packed_neon -march=armv8.2-a+dotprod)
  thimble_isa_file(packed_neon_i8mm -march=armv8.2-a+dotprod+i8mm)
  target_compile_definitions(thimble_kernels PRIVATE THIMBLE_KERNELS_NEON=1)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "WASI" OR EMSCRIPTEN)
  # A module cannot ask what its engine can do: what is built in must be there. SIMD128 is everywhere (the toolchain file
  # turns it on); relaxed SIMD (2023) makes a second build.
  thimble_isa(wasm_simd128)
  target_compile_definitions(thimble_kernels PRIVATE THIMBLE_KERNELS_WASM=1)
  if(THIMBLE_WASM_RELAXED)
    thimble_isa(wasm_relaxed)
    target_compile_definitions(thimble_kernels PRIVATE THIMBLE_KERNELS_WASM_RELAXED=1)
  endif()
endif()
