# SPDX-License-Identifier: Apache-2.0
# Unpacks tests/data/fixtures.tar.xz (tiny models, expected numbers, the tokenizer) into the build tree, once per content
# of the archive. THIMBLE_FIXTURES_DIR is where tests find it.
set(THIMBLE_FIXTURES_DIR ${CMAKE_BINARY_DIR}/fixtures)
set(fixtures_archive ${PROJECT_SOURCE_DIR}/tests/data/fixtures.tar.xz)
set(fixtures_stamp ${THIMBLE_FIXTURES_DIR}/unpacked.sha256)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${fixtures_archive})
file(SHA256 ${fixtures_archive} fixtures_hash)
string(APPEND fixtures_hash " with gguf-f16")
set(unpacked_hash "")
if(EXISTS ${fixtures_stamp})
  file(READ ${fixtures_stamp} unpacked_hash)
endif()
if(NOT unpacked_hash STREQUAL fixtures_hash)
  message(STATUS "Unpacking tests/data/fixtures.tar.xz")
  file(REMOVE_RECURSE ${THIMBLE_FIXTURES_DIR})
  file(ARCHIVE_EXTRACT INPUT ${fixtures_archive} DESTINATION ${THIMBLE_FIXTURES_DIR})
  file(ARCHIVE_EXTRACT INPUT ${PROJECT_SOURCE_DIR}/tests/data/gguf-f16.tar.xz DESTINATION ${THIMBLE_FIXTURES_DIR})
  # The real tokenizer is an archive within: its two forms lie beside it afterwards.
  file(ARCHIVE_EXTRACT INPUT ${THIMBLE_FIXTURES_DIR}/tokenizer/qwen35-tokenizer.tar.xz
    DESTINATION ${THIMBLE_FIXTURES_DIR}/tokenizer)
  file(WRITE ${fixtures_stamp} ${fixtures_hash})
endif()
