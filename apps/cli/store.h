// SPDX-License-Identifier: Apache-2.0
// The model store: where models live by name, and where the built-in one is.
#pragma once

#include "base/result.h"
#include "files/json.h"

#include <optional>
#include <string>

namespace thimble::cli {

// THIMBLE_HOME, else ~/.local/share/thimble.
std::string StoreHome();

struct Builtin {
  std::string path;
  Json facts;  // name, licence, origin, sha256, can, cannot; an empty object when the sidecar is missing
};
// Beside the program (build folder or install prefix) or where THIMBLE_BUILTIN says.
std::optional<Builtin> FindBuiltin();

// Whether `text` can stand for MODEL: a path that exists, a name in the store, or "builtin".
bool IsModel(const std::string& text);
// The path behind MODEL; empty and "builtin" are the built-in model. kNotFound says what to do.
Result<std::string> ResolveModel(const std::string& text);

}  // namespace thimble::cli
