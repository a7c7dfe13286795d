# SPDX-License-Identifier: Apache-2.0
# XGrammar, which masks what a reply may not say, as the static library `thimble_xgrammar`, from the source that
# scripts/setup unpacks into .cache/xgrammar. Without it src/grammar says that this build has no grammars.
set(THIMBLE_XGRAMMAR_DIR ${PROJECT_SOURCE_DIR}/.cache/xgrammar CACHE PATH "XGrammar's source, as scripts/setup unpacks it")
set(grammar_default OFF)
if(EXISTS ${THIMBLE_XGRAMMAR_DIR}/cpp/grammar_compiler.cc AND TARGET Threads::Threads)
  set(grammar_default ON)
endif()
option(THIMBLE_GRAMMAR "Build the masks of replies that must parse (XGrammar; scripts/setup fetches it)" ${grammar_default})
if(NOT THIMBLE_GRAMMAR)
  message(STATUS "Without grammars: run scripts/setup and configure with THIMBLE_GRAMMAR=ON for --schema and for tools that must be called")
  return()
endif()
if(NOT EXISTS ${THIMBLE_XGRAMMAR_DIR}/cpp/grammar_compiler.cc)
  message(FATAL_ERROR "THIMBLE_GRAMMAR is ON but ${THIMBLE_XGRAMMAR_DIR} has no XGrammar: run scripts/setup, or set THIMBLE_GRAMMAR=OFF")
endif()

file(GLOB_RECURSE xgrammar_sources ${THIMBLE_XGRAMMAR_DIR}/cpp/*.cc)
list(FILTER xgrammar_sources EXCLUDE REGEX "/cpp/tvm_ffi/")  # the Python bindings
add_library(thimble_xgrammar STATIC ${xgrammar_sources})
target_include_directories(thimble_xgrammar SYSTEM PUBLIC ${THIMBLE_XGRAMMAR_DIR}/include
  ${THIMBLE_XGRAMMAR_DIR}/3rdparty/dlpack/include)
target_include_directories(thimble_xgrammar SYSTEM PRIVATE ${THIMBLE_XGRAMMAR_DIR}/3rdparty/picojson)
# What it has to say comes to src/grammar, which defines the two functions that LOG_CUSTOMIZE asks for: nothing is printed.
target_compile_definitions(thimble_xgrammar PRIVATE XGRAMMAR_ENABLE_CPPTRACE=0 XGRAMMAR_ENABLE_INTERNAL_CHECK=0
  XGRAMMAR_LOG_CUSTOMIZE=1)
target_compile_options(thimble_xgrammar PRIVATE -w)
# Forms of other models' calls, and a language that nobody here asks for: translated quickly.
file(GLOB xgrammar_unasked ${THIMBLE_XGRAMMAR_DIR}/cpp/converter_ext/*.cc ${THIMBLE_XGRAMMAR_DIR}/cpp/lark_converter.cc)
list(FILTER xgrammar_unasked EXCLUDE REGEX "/qwen\\.cc$")
set_source_files_properties(${xgrammar_unasked} PROPERTIES COMPILE_OPTIONS -O0)
# The standard that it is written in: with clang and a library of C++20 its variants of types that are declared only are refused.
set_target_properties(thimble_xgrammar PROPERTIES CXX_STANDARD 17)
# It logs and fails by functions of src/grammar/token_masker.cc: the two need each other, and linkers that take a string
# function of the standard library from here need it too.
target_link_libraries(thimble_xgrammar PUBLIC Threads::Threads INTERFACE $<LINK_ONLY:thimble_grammar>)
