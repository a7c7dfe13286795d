# SPDX-License-Identifier: Apache-2.0
# thimble_embed_text(TARGET FUNCTION FILE)
#   The text of FILE as `std::string_view FUNCTION()` of the namespace thimble::service, compiled into TARGET. The text
#   must not hold the mark )thimble".
set(THIMBLE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${INPUT} text)
  file(WRITE ${OUTPUT} "// Made from ${NAME} by cmake/EmbedText.cmake.
#include <string_view>

// Longer than the standard asks of every compiler; those that build this take it.
#pragma GCC diagnostic ignored \"-Woverlength-strings\"

namespace thimble::service {

std::string_view ${FUNCTION}();
std::string_view ${FUNCTION}() { return R\"thimble(${text})thimble\"; }

}  // namespace thimble::service
")
  return()
endif()

function(thimble_embed_text target function file)
  get_filename_component(name ${file} NAME)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  add_custom_command(OUTPUT ${made}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${made} -DNAME=${name} -DFUNCTION=${function} -P ${THIMBLE_EMBED_SCRIPT}
    DEPENDS ${file} ${THIMBLE_EMBED_SCRIPT} VERBATIM)
  target_sources(${target} PRIVATE ${made})
endfunction()
