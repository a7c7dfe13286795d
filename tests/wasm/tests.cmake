# SPDX-License-Identifier: Apache-2.0
# The tests that run in a WebAssembly engine (Node): those that need neither threads nor std::filesystem. One test an
# executable, since starting an engine costs more than most tests.
set(googletest /usr/src/googletest CACHE PATH "GoogleTest's sources, as Debian's package googletest installs them")
add_library(gtest_wasi STATIC ${googletest}/googletest/src/gtest-all.cc ${googletest}/googlemock/src/gmock-all.cc
  ${googletest}/googletest/src/gtest_main.cc)
target_include_directories(gtest_wasi SYSTEM PUBLIC ${googletest}/googletest/include ${googletest}/googlemock/include)
target_include_directories(gtest_wasi PRIVATE ${googletest}/googletest ${googletest}/googlemock)
target_compile_definitions(gtest_wasi PUBLIC GTEST_HAS_PTHREAD=0 GTEST_HAS_STREAM_REDIRECTION=0 GTEST_HAS_DEATH_TEST=0)
# Sizes of fixtures fit the 32 bits of this size_t. (Linked last, so that it comes behind -Wconversion.)
target_compile_options(gtest_wasi INTERFACE -Wno-shorten-64-to-32)

include(ThimbleFixtures)
function(thimble_wasi_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(test_${name} ${TEST_SOURCES})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(test_${name} PRIVATE ${TEST_LIBS} gtest_wasi)
  # Models need more stack than the default of 64 KiB.
  target_link_options(test_${name} PRIVATE -Wl,-z,stack-size=1048576)
  target_compile_definitions(test_${name} PRIVATE
    THIMBLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" THIMBLE_FIXTURES_DIR="${THIMBLE_FIXTURES_DIR}")
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 600)
endfunction()

# Left out, by name: tests of what is not there.
set(wasi_left_out
  model_files_test whole_pack_test   # write into a folder of their own, by std::filesystem
  session_test session_sharing_test tower_test  # std::thread
  model_bench_test                   # sessions on threads of their own
  no_memory_test                     # exceptions
  decode_test decode_alpha_test decode_large_test)  # codecs
foreach(floor base kernels sampling ops measure files text image engine)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${floor}/*_test.cc)
  foreach(name IN LISTS wasi_left_out)
    list(FILTER sources EXCLUDE REGEX "/${name}\.cc$")
  endforeach()
  thimble_wasi_test(${floor} SOURCES ${sources} LIBS thimble_${floor} thimble_sys)
  if(floor STREQUAL "engine")
    target_link_libraries(test_engine PRIVATE thimble_host)
  endif()
endforeach()
# Whole models: the fixtures' tokens, and every step of a pass against the reference's numbers; and whole replies.
foreach(folder conformance portable)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.cc)
  thimble_wasi_test(${folder} SOURCES ${sources} LIBS thimble_core thimble_host)
endforeach()

# The module as a page's worker drives it (apps/wasm/tests). What it says is compared with the native command's words where
# that is built beside.
file(GLOB module_tests CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/apps/wasm/tests ${PROJECT_SOURCE_DIR}/apps/wasm/tests/*.test.mjs)
foreach(file ${module_tests})
  string(REGEX REPLACE "\\.test\\.mjs$" "" name ${file})
  add_test(NAME wasm.${name} COMMAND ${wasi_node} --test ${PROJECT_SOURCE_DIR}/apps/wasm/tests/${file})
  set_tests_properties(wasm.${name} PROPERTIES LABELS unit TIMEOUT 600 ENVIRONMENT
    "THIMBLE_MODULE=$<TARGET_FILE:thimble_wasm>;THIMBLE_FIXTURES=${THIMBLE_FIXTURES_DIR};THIMBLE_NATIVE=${PROJECT_SOURCE_DIR}/build/thimble")
endforeach()
if(CMAKE_GENERATOR STREQUAL "Ninja")
  find_package(Python3 COMPONENTS Interpreter)
  add_test(NAME wasm.licences COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/licences_test.py ${PROJECT_BINARY_DIR})
endif()
# These programs have one thread; with atomics in the objects alone the memory stays their own.
if(THIMBLE_WASM_THREADS)
  foreach(name base kernels sampling ops measure files text image engine conformance portable)
    target_link_options(test_${name} PRIVATE -Wl,--no-check-features)
  endforeach()
endif()
