// SPDX-License-Identifier: Apache-2.0
#include "host/model_folder.h"

#include "base/text.h"
#include "files/file_kind.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <algorithm>
#include <array>

namespace thimble::host {

namespace {

// Keys of a GGUF file that say what it is stand before its vocabulary.
constexpr std::size_t kLabelBytes = std::size_t{16} << 10;
constexpr std::size_t kMostLookedAt = 256;  // of a folder's files

// The snapshot that a folder of Hugging Face's cache calls its main one, else its last.
std::string SnapshotIn(const std::string& folder) {
  constexpr std::size_t kHashBytes = 40;
  if (const auto main = ReadHead(folder + "/refs/main", kHashBytes); main.ok()) {
    std::string name(reinterpret_cast<const char*>(main.value().data()), main.value().size());
    const bool is_plain = name.find('/') == std::string::npos && !name.starts_with('.') && !name.empty();
    if (is_plain && KindOfPath(Cat(folder, "/snapshots/", name)) == PathKind::kFolder) return name;
  }
  const auto names = NamesInFolder(folder + "/snapshots");
  return names.ok() && !names.value().empty() ? names.value().back() : "...";
}

// Names under which models of other programs, archives and unfinished downloads come.
bool MayBeMeant(const std::string& name) {
  constexpr std::array<std::string_view, 22> kEndings = {
      ".bin", ".pt",  ".pth",    ".ckpt", ".onnx", ".h5",  ".msgpack", ".tflite", ".mlmodel",   ".npz", ".zip",
      ".tar", ".tgz", ".tar.gz", ".7z",   ".rar",  ".zst", ".gz",      ".xz",     ".llamafile", ".pte", ".task"};
  return IsUnfinishedName(name) || name == "adapter_config.json" ||
         std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return IsNamedLike(name, ending); });
}

// "; ROOT.gguf is a link to /data/x.gguf, where nothing is"
std::string AboutLink(const std::string& folder, const std::string& name) {
  const std::string target = LinkTarget(Cat(folder, "/", name));
  if (target.empty()) return "";
  return Cat("; ", EscapeControls(name), " is a link to ", EscapeControls(target), ", where nothing is");
}

std::string AboutFile(const std::string& folder, const std::string& name) {
  const std::string path = Cat(folder, "/", name);
  const auto head = ReadHead(path, kLookedAtBytes);
  if (!head.ok()) return "";
  const FileFinding finding = LookAtFile(head.value(), path);
  if (!RefusalOf(finding).has_value()) return "";
  return Cat("; ", EscapeControls(name), " is ", finding.what, ": ", finding.advice);
}

}  // namespace

bool IsNamedLike(const std::string& name, std::string_view ending) {
  return !name.starts_with('.') && name.size() > ending.size() && AsciiLower(name).ends_with(ending);
}

GgufLabel LabelOfFile(const std::string& path) {
  const auto head = ReadHead(path, kLabelBytes);
  return head.ok() ? ReadGgufLabel(head.value()) : GgufLabel{};
}

bool IsVisionFile(const std::string& path, const GgufLabel& label) {
  if (label.architecture == "clip" || label.type == "mmproj") return true;
  return label.architecture.empty() && label.type.empty() &&
         AsciiLower(NameOf(path)).find("mmproj") != std::string::npos;
}

std::string WhyNoModel(const std::string& folder) {
  const auto names = NamesInFolder(folder);
  if (!names.ok()) return "";
  if (KindOfPath(folder + "/snapshots") == PathKind::kFolder) {
    return Cat("; it is of Hugging Face's cache: give ",
               EscapeControls(Cat(folder, "/snapshots/", SnapshotIn(folder))));
  }
  std::string folders;
  std::size_t looked_at = 0;
  for (const std::string& name : names.value()) {
    if (++looked_at > kMostLookedAt) break;
    const PathKind kind = KindOfPath(Cat(folder, "/", name));
    if (kind == PathKind::kFolder && IsUnfinishedName(name)) {
      return Cat("; ", EscapeControls(name), " is a download that is not finished");
    }
    if (kind == PathKind::kFolder && !name.starts_with('.')) folders += (folders.empty() ? "" : ", ") + name;
    std::string about;
    if (kind == PathKind::kNothing) about = AboutLink(folder, name);
    if (kind == PathKind::kFile && MayBeMeant(name)) about = AboutFile(folder, name);
    if (!about.empty()) return about;
  }
  constexpr std::size_t kLongest = 200;
  if (folders.empty() || folders.size() > kLongest) return "";
  return Cat("; is one of its folders meant (", EscapeControls(folders), ")?");
}

}  // namespace thimble::host
