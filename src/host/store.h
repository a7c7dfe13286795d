// SPDX-License-Identifier: Apache-2.0
// The model store: where models live by name, and where the built-in one and its caches are.
#pragma once

#include "base/result.h"
#include "files/json.h"

#include <optional>
#include <string>
#include <vector>

namespace thimble::host {

// THIMBLE_HOME, else $XDG_DATA_HOME/thimble, else ~/.local/share/thimble.
std::string StoreHome();
// The folder in it that holds one folder a model.
std::string ModelsFolder();
// What is known of each model, the built-in one first, then the store's by their names: an object of "name", "path",
// "bytes" and what the sidecar or the manifest says (there, the built-in model's own name is "title").
std::vector<Json> ListModels();
// Letters, digits, '.', '-' and '_', not beginning with '.' or '-', at most 128: such a name leads nowhere else.
bool IsPlainName(const std::string& name);

struct BuiltinModel {
  std::string path;
  Json facts;  // name, licence, origin, sha256, can, cannot, note; an empty object when the sidecar is missing
};
// Where THIMBLE_BUILTIN says, else share/thimble/builtin.gguf beside the program (build folder) or beside its bin
// folder (install prefix), else where it was to be installed. The sidecar is builtin.json beside it.
std::optional<BuiltinModel> FindBuiltinModel();

// Where files lie that can be made again: $XDG_CACHE_HOME/thimble, else ~/.cache/thimble. Empty where there is no home.
std::string CacheFolder();
// The same for files that belong to the models of `model`'s folder, when that folder cannot be written: one folder for
// each in CacheFolder(), named after it with % for /.
std::string CacheFolderFor(const std::string& model);

// "~/models/x.gguf", where no shell has put the home folder in place of ~, with it; any other text as it is.
std::string ExpandHome(const std::string& text);

// Whether `text` has the form of a model's path or name, be there one or not: one word that begins with /, ./, ../ or
// ~/, or ends in .gguf, .safetensors or .bin, or is NAME:TAG as Ollama and hubs say it (so "qwen3.5:0.8b", and not
// "Note:", "10:30" or an address).
bool LooksLikeModel(const std::string& text);
// Whether `text` stands for MODEL rather than for a prompt: a path that exists, a name in the store, "builtin", or what
// LooksLikeModel.
bool IsModel(const std::string& text);
// What a front end may advise where no model was found.
enum class MissingModel {
  kSaid,         // nothing: the error says all there is to say
  kNoBuiltin,    // this build has no built-in model
  kForeignName,  // "qwen3.5:0.8b": a name as Ollama and hubs say it, or a prompt
  kUnknownName,  // the store has models, this is none of them
  kEmptyStore,   // the store has none
};
struct ModelSearch {
  std::string path;
  std::optional<Error> error;  // kNotFound: what is wrong, as a sentence to which advice can be added
  MissingModel missing = MissingModel::kSaid;
};
// The path behind MODEL; empty and "builtin" are the built-in model.
ModelSearch FindModelByName(const std::string& text);

}  // namespace thimble::host
