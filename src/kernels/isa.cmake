# SPDX-License-Identifier: Apache-2.0
# One object library an ISA: flags belong to that file alone, never to the program. Always optimised, also in debug
# builds (inlined templates would otherwise leak weak symbols compiled for the ISA), and without LTO.
function(thimble_isa name)
  target_sources(thimble_kernels PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/kernels/isa/${name}.cc)
  set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/kernels/isa/${name}.cc PROPERTIES
    COMPILE_OPTIONS "-O3;-fno-lto;${ARGN}")
endfunction()

thimble_isa(scalar)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT CMAKE_SYSTEM_NAME STREQUAL "WASI")
  thimble_isa(avx2 -mavx2 -mfma -mf16c)
  thimble_isa(avx512vnni -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mfma -mf16c -mprefer-vector-width=512)
  target_compile_definitions(thimble_kernels PRIVATE THIMBLE_HAVE_X86=1)
endif()
