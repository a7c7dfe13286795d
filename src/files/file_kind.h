// SPDX-License-Identifier: Apache-2.0
// What a file is that somebody gave for a model, told by its first bytes and its name: so that a web page saved under a
// model's name is called a web page.
#pragma once

#include "base/result.h"
#include "files/gguf.h"
#include "files/model_file.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace thimble {

enum class FileKind {
  kGguf,         // begins with "GGUF", of whatever version
  kSafetensors,  // the length of a header, and its '{'
  kPack,         // a whole pack (files/whole_pack.h)
  kUnfinished,   // a model that is not here yet: nothing, zeros, a pointer in its place, part of a download
  kOther,        // something else that we know
  kText,         // text that says nothing more
  kUnknown,
};

struct FileFinding {
  FileKind kind = FileKind::kUnknown;
  std::string what;    // "a zip archive"; empty for models and what is unknown
  std::string advice;  // what to do: "unpack it and give the .gguf file in it"
};

// How many bytes LookAtFile reads at most; more may be passed.
inline constexpr std::size_t kLookedAtBytes = 4096;

// `head`: the file's bytes from the first on, all or at least kLookedAtBytes of them. `path`: its name counts where the
// bytes leave a choice, and where it says that a download is not finished. Names and texts in the finding are escaped.
FileFinding LookAtFile(std::span<const std::byte> head, const std::string& path);

// Whether the name is one that downloads have while they are not finished ("model.gguf.part").
bool IsUnfinishedName(const std::string& path);

// "[file] is a zip archive, not a model: unpack it ...": kUnsupported, or kCorrupt for kUnfinished. nullopt for models,
// kText and kUnknown, about which a parser knows more.
std::optional<Error> RefusalOf(const FileFinding& finding);

// The same for GGUF files that are no models and no vision files: adapters, control vectors, importance matrices,
// draft models, by what their header says.
std::optional<Error> RefusalOf(const GgufLabel& label);

// Whether these are the tensors of an adapter (LoRA), which changes a model and is none.
bool HoldsAdapter(std::span<const TensorEntry> tensors);
// What to say of one.
Error AdapterRefusal();

}  // namespace thimble
