# SPDX-License-Identifier: Apache-2.0
# thimble_embed_page(TARGET FUNCTION FOLDER)
#   The files of a built page as `std::span<const service::PageFile> FUNCTION()` of the namespace thimble::server
#   (apps/server/embedded_page.h), compiled into TARGET. Needs Python.
find_package(Python3 COMPONENTS Interpreter)
set(THIMBLE_EMBED_PAGE_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/../tools/embed_page.py)

function(thimble_embed_page target function folder)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${folder}/*)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${function}.cc)
  add_custom_command(OUTPUT ${made}
    COMMAND ${Python3_EXECUTABLE} ${THIMBLE_EMBED_PAGE_SCRIPT} ${folder} ${function} ${made}
    DEPENDS ${files} ${THIMBLE_EMBED_PAGE_SCRIPT} COMMENT "The page's files as ${function}.cc" VERBATIM)
  target_sources(${target} PRIVATE ${made})
endfunction()
