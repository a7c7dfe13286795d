# SPDX-License-Identifier: Apache-2.0
# thimble_floor(NAME [DEPS floor...] [LIBS target...] [EXCLUDE file...])
#   One folder of src/ as a static library `thimble_NAME` that may include only itself and DEPS (docs/architecture.md;
#   tools/check_floors.py checks the #include lines too). Tests stand beside the code as x_test.cc and are
#   collected into one executable a folder by thimble_floor_tests().

add_library(thimble_options INTERFACE)
target_compile_features(thimble_options INTERFACE cxx_std_20)
target_include_directories(thimble_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
# -ffp-contract=off: the same source gives the same bits with every compiler; kernels ask for fma where they mean it.
target_compile_options(thimble_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -ffp-contract=off -fno-math-errno
  $<$<BOOL:${THIMBLE_WERROR}>:-Werror>)
# Newer clang calls __COUNTER__, which gives names to what nobody names, an extension of a C that is yet to come.
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-Wc2y-extensions THIMBLE_WARNS_OF_C2Y)
if(THIMBLE_WARNS_OF_C2Y)
  target_compile_options(thimble_options INTERFACE -Wno-c2y-extensions)
endif()
if(THIMBLE_WASM_THREADS)
  target_compile_options(thimble_options INTERFACE -matomics -mbulk-memory)
endif()
if(THIMBLE_WASM_RELAXED)
  target_compile_options(thimble_options INTERFACE -mrelaxed-simd)
endif()

# Code that computes little is optimised less: a quarter of the time that translating it takes is saved, and nobody would
# find the difference in a running program. Floors that read files, split text and compute are not among these.
function(thimble_translate_quickly target)
  if(CMAKE_SYSTEM_NAME STREQUAL "WASI")  # where size matters, and stack
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-Os>)
  else()
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
endfunction()

function(thimble_floor name)
  cmake_parse_arguments(FLOOR "" "" "DEPS;LIBS;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  foreach(excluded IN LISTS FLOOR_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "/${excluded}$")
  endforeach()
  if(NOT sources)
    add_library(thimble_${name} INTERFACE)
    return()
  endif()
  add_library(thimble_${name} STATIC ${sources})
  target_link_libraries(thimble_${name} PUBLIC thimble_options ${FLOOR_LIBS})
  foreach(dep IN LISTS FLOOR_DEPS)
    target_link_libraries(thimble_${name} PUBLIC thimble_${dep})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY THIMBLE_FLOORS ${name})
endfunction()

# One gtest executable `test_NAME` from src/NAME/*_test.cc, linked with that floor and those below it.
function(thimble_floor_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  thimble_translate_quickly(test_${name})
  target_link_libraries(test_${name} PRIVATE thimble_${name} GTest::gmock GTest::gtest_main)
  target_compile_definitions(test_${name} PRIVATE
    THIMBLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" THIMBLE_FIXTURES_DIR="${THIMBLE_FIXTURES_DIR}")
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}. NO_PRETTY_VALUES DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit)
endfunction()

# test_NAME from tests/NAME/*_test.cc, linked with the whole core: what crosses floors.
function(thimble_core_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*_test.cc)
  add_executable(test_${name} ${sources})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  thimble_translate_quickly(test_${name})
  target_link_libraries(test_${name} PRIVATE thimble_core thimble_host GTest::gmock GTest::gtest_main)
  target_compile_definitions(test_${name} PRIVATE
    THIMBLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" THIMBLE_FIXTURES_DIR="${THIMBLE_FIXTURES_DIR}")
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}. NO_PRETTY_VALUES DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit)
endfunction()
