// SPDX-License-Identifier: Apache-2.0
// What lies at a path, and the names in a folder. (std::filesystem is missing from the WebAssembly library.)
#pragma once

#include "base/result.h"

#include <string>
#include <vector>

namespace thimble {

enum class PathKind { kNothing, kFile, kFolder, kOther };

// Follows links. kNothing also where we may not look.
PathKind KindOfPath(const std::string& path);

// Where the symbolic link at `path` leads, as it is written there; empty when it is none.
std::string LinkTarget(const std::string& path);

// Names in the folder (files, folders, all else), sorted, without "." and "..". kNotFound, kInvalid or kSystem.
Result<std::vector<std::string>> NamesInFolder(const std::string& path);

// Makes the folder and those above it that are missing, for the owner alone. Fails only where it then is not there.
bool MakeFolders(const std::string& path);

// "a/b.c" -> "a", "b.c" -> ".", "/b.c" -> "/".
std::string FolderOf(const std::string& path);
// "a/b.c" -> "b.c".
std::string NameOf(const std::string& path);

}  // namespace thimble
