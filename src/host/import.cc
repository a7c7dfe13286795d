// SPDX-License-Identifier: Apache-2.0
#include "host/import.h"

#include "base/sha256.h"
#include "base/text.h"
#include "engine/engine.h"
#include "files/model_file.h"
#include "host/atomic_file.h"
#include "host/find_model.h"
#include "host/model_folder.h"
#include "host/store.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <vector>

namespace thimble::host {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPlace = "import";

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int fd() const { return fd_; }
  // False when what was written did not arrive.
  bool Close() {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 || close(fd) == 0;
  }

 private:
  int fd_;
};

// Work on several files as one share.
struct Progress {
  const std::function<bool(double share)>& show;
  std::uint64_t done = 0;
  std::uint64_t total = 0;

  // False: it is to end.
  [[nodiscard]] bool Show() const {
    return !show || show(static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(total, 1)));
  }
};

// Reads a file through its SHA-256, into a copy at `to` unless that is empty. The copy is on disk when this returns.
Result<std::string> HashAndCopy(const std::string& from, const std::string& to, Progress* progress) {
  const Descriptor in(from, O_RDONLY);
  if (in.fd() < 0) return SystemError(kPlace, "cannot read", from, errno);
  Descriptor out(to.empty() ? "/dev/null" : to, to.empty() ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL);
  if (out.fd() < 0) return SystemError(kPlace, "cannot create", to, errno);
  Sha256 hash;
  std::vector<std::byte> block(std::size_t{4} << 20);
  while (true) {
    if (!progress->Show()) return Error{Code::kCancelled, "[import] interrupted; nothing was kept"};
    const ssize_t count = read(in.fd(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(kPlace, "cannot read", from, errno);
    if (count == 0) break;
    auto rest = std::span<const std::byte>(block).first(static_cast<std::size_t>(count));
    hash.Add(rest);
    while (!to.empty() && !rest.empty()) {
      const ssize_t written = write(out.fd(), rest.data(), rest.size());
      if (written < 0 && errno != EINTR) return SystemError(kPlace, "cannot write", to, errno);
      if (written > 0) rest = rest.subspan(static_cast<std::size_t>(written));
    }
    progress->done += static_cast<std::uint64_t>(count);
    if (progress->done > progress->total) break;  // one that grows for ever; it is known by its stamp
  }
  if (!to.empty() && (fsync(out.fd()) != 0 || !out.Close())) return SystemError(kPlace, "cannot finish", to, errno);
  return hash.Finish();
}

// Of a folder: what a model is read from.
bool BelongsToModel(const std::string& name) {
  const auto ends = [&](std::string_view ending) { return IsNamedLike(name, ending); };
  return name != "manifest.json" &&
         (ends(".json") || ends(".safetensors") || ends(".jinja") || ends(".gguf") || ends(".txt"));
}

// A GGUF file is known in the store by its ending: Ollama and Hugging Face's cache keep theirs under a number.
std::string NameInStore(const std::string& path) {
  const std::string name = NameOf(path);
  const auto head = ReadHead(path, 4);
  const bool is_gguf = head.ok() && head.value().size() == 4 && std::memcmp(head.value().data(), "GGUF", 4) == 0;
  return is_gguf && !IsNamedLike(name, ".gguf") ? name + ".gguf" : name;
}

// What comes along of the folder in which the model lies: all of a folder that was named, else the weights that the
// model is made of and the small files beside them.
Status AddFolder(const std::string& folder, bool is_named, const ModelFile& model, ImportPlan* plan) {
  THIMBLE_ASSIGN_OR_RETURN(const auto names, NamesInFolder(folder));
  for (const std::string& name : names) {
    const std::string path = Cat(folder, "/", name);
    const bool is_weights = IsNamedLike(name, ".safetensors") || IsNamedLike(name, ".gguf");
    const bool is_part = std::any_of(model.shard_paths().begin(), model.shard_paths().end(),
                                     [&](const std::string& shard) { return NameOf(shard) == name; });
    if (is_weights && !is_part && !is_named) continue;  // another model of the same folder
    if (KindOfPath(path) == PathKind::kFile && (BelongsToModel(name) || is_part)) {
      plan->items.emplace_back(path, NameInStore(path));
    } else if (is_named && !name.starts_with('.') && name != "manifest.json") {
      plan->left_out.push_back(path);
    }
  }
  return Done{};
}

Status CheckNames(const std::vector<ImportItem>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (items[i].name == items[j].name) {
        return Error{Code::kInvalid, Cat("[import] ", items[j].from, " and ", items[i].from, " would both be ",
                                         items[i].name, " in the store: rename one")};
      }
    }
  }
  return Done{};
}

Json ListOf(const std::vector<std::string>& texts) {
  std::vector<Json> items;
  items.reserve(texts.size());
  for (const std::string& text : texts) items.push_back(Json::String(text));
  return Json::Array(std::move(items));
}

// One file of the store's folder `part`; returns its entry in the manifest.
Result<Json> Take(const ImportItem& item, bool links, const std::string& part, Progress* progress) {
  const std::string to = Cat(part, "/", item.name);
  THIMBLE_ASSIGN_OR_RETURN(std::string hash, HashAndCopy(item.from, links ? "" : to, progress));
  if (!(FileStamp(item.from) == item.stamp)) {
    return Error{Code::kSystem, Cat("[import] ", item.from,
                                    " was changed while it was read; nothing was kept: try again when it is whole")};
  }
  std::error_code error;
  if (links) fs::create_symlink(fs::absolute(item.from), to, error);
  if (links && error) return SystemError(kPlace, "cannot link", to, error.value());
  return Json::Object({{"path", Json::String(item.name)},
                       {"bytes", Json::Integer(item.stamp.size)},
                       {"sha256", Json::String(std::move(hash))}});
}

// kExhausted where the disk of `folder` has less room than the files take.
Status CheckRoom(std::uint64_t bytes, const std::string& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || bytes <= space.available) return Done{};
  return Error{Code::kExhausted, Cat("[import] the model takes ", FormatBytes(bytes), ", ", ModelsFolder(), " has ",
                                     FormatBytes(space.available), " free; make room")};
}

Json Manifest(const ImportPlan& plan, const ImportHow& how, std::vector<Json> entries) {
  const VisionChoice& vision = plan.vision;
  Json mmproj = Json::Object({{"path", vision.path.empty() ? Json() : Json::String(NameInStore(vision.path))},
                              {"why", Json::String(vision.why)},
                              {"others", ListOf(vision.others)}});
  std::error_code error;
  return Json::Object({{"name", Json::String(how.name)},
                       {"files", Json::Array(std::move(entries))},
                       {"mmproj", std::move(mmproj)},
                       {"left_out", ListOf(plan.left_out)},
                       {"imported_from", Json::String(fs::absolute(plan.path, error).string())},
                       {"imported_as", Json::String(how.links ? "link" : "copy")},
                       {"date", Json::String(Today())}});
}

// Fills the folder `part`; returns the manifest.
Result<Json> Gather(const ImportPlan& plan, const ImportHow& how, const std::string& part) {
  Progress progress{how.progress};
  for (const ImportItem& item : plan.items)
    progress.total += static_cast<std::uint64_t>(std::max<std::int64_t>(item.stamp.size, 0));
  if (!how.links) THIMBLE_RETURN_IF_ERROR(CheckRoom(progress.total, part));
  std::vector<Json> entries;
  for (const ImportItem& item : plan.items) {
    THIMBLE_ASSIGN_OR_RETURN(Json entry, Take(item, how.links, part, &progress));
    entries.push_back(std::move(entry));
  }
  // What is in the store opens.
  OpenOptions open;
  open.model = part;
  open.check_memory = false;
  const auto described = DescribeModel(open);
  if (!described.ok()) return described.error();
  if (!plan.vision.path.empty() && !described.value().config.vision.has_value()) {
    return Error{Code::kCorrupt,
                 Cat("[import] ", plan.vision.path, " would read no pictures: ", described.value().vision_choice.why)};
  }
  Json manifest = Manifest(plan, how, std::move(entries));
  THIMBLE_RETURN_IF_ERROR(WriteFileAtomically(part + "/manifest.json", manifest.Dump(Json::Style::kPretty) + "\n"));
  return manifest;
}

}  // namespace

std::string Today() {
  const std::time_t now = std::time(nullptr);
  std::tm date{};
  gmtime_r(&now, &date);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &date);
  return text.data();
}

FileStamp::FileStamp(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return;
  size = status.st_size;
  node = status.st_ino;
  seconds = status.st_mtim.tv_sec;
  nanoseconds = status.st_mtim.tv_nsec;
}

Result<ImportPlan> PlanImport(const std::string& path, const std::string& mmproj) {
  OpenOptions open;
  open.model = path;
  open.mmproj = mmproj;
  open.check_memory = false;
  THIMBLE_ASSIGN_OR_RETURN(auto described, DescribeModel(open));
  ImportPlan plan;
  plan.path = path;
  plan.vision = std::move(described.vision_choice);
  plan.warnings = std::move(described.warnings);
  const bool is_folder = KindOfPath(path) == PathKind::kFolder;
  if (!is_folder && described.text_file->format() == ModelFile::Format::kGguf) {
    for (const std::string& shard : described.text_file->shard_paths())
      plan.items.emplace_back(shard, NameInStore(shard));
  } else {
    THIMBLE_RETURN_IF_ERROR(AddFolder(is_folder ? path : FolderOf(path), is_folder, *described.text_file, &plan));
  }
  const auto comes_along = [&](const std::string& file) {
    std::error_code error;
    return std::any_of(plan.items.begin(), plan.items.end(),
                       [&](const ImportItem& item) { return fs::equivalent(item.from, file, error); });
  };
  const std::string& vision = plan.vision.path;
  if (!vision.empty() && !comes_along(vision)) plan.items.emplace_back(vision, NameInStore(vision));
  for (const std::string& other : plan.vision.others) {
    if (!comes_along(other)) plan.left_out.push_back(other);
  }
  THIMBLE_RETURN_IF_ERROR(CheckNames(plan.items));
  return plan;
}

std::string NameForImport(const std::string& path) {
  std::error_code error;
  fs::path plain = fs::absolute(path, error).lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();
  if (plain.extension() == ".safetensors") plain = plain.parent_path();
  std::string name = plain.extension() == ".gguf" ? plain.stem().string() : plain.filename().string();
  // model-Q4_K_M-00001-of-00002 is named without its number.
  constexpr std::string_view kShardSuffix = "-00001-of-00002";
  if (name.size() > kShardSuffix.size()) {
    const std::string_view end = std::string_view(name).substr(name.size() - kShardSuffix.size());
    const auto is_like = [](char c, char pattern) {
      return pattern >= '0' && pattern <= '9' ? c >= '0' && c <= '9' : c == pattern;
    };
    if (std::equal(end.begin(), end.end(), kShardSuffix.begin(), is_like)) name.resize(name.size() - end.size());
  }
  for (char& c : name) c = c == ' ' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

Status CheckImportName(const std::string& name) {
  if (!IsPlainName(name) || name == "builtin") {
    return Error{Code::kInvalid, Cat("[import] a name is letters, digits, '.', '-' and '_' (and not builtin), found '",
                                     name, "'; choose another name")};
  }
  if (KindOfPath(Cat(ModelsFolder(), "/", name)) != PathKind::kNothing) {
    return Error{Code::kInvalid, Cat("[import] the store has a model '", name, "' already; delete ", ModelsFolder(),
                                     "/", name, ", or choose another name")};
  }
  return Done{};
}

Result<Json> ImportModel(const ImportPlan& plan, const ImportHow& how) {
  THIMBLE_RETURN_IF_ERROR(CheckImportName(how.name));
  const std::string target = Cat(ModelsFolder(), "/", how.name);
  const std::string part = Cat(ModelsFolder(), "/.", how.name, ".", getpid(), ".part");
  std::error_code error;
  fs::create_directories(part, error);
  if (error) return SystemError(kPlace, "cannot create", part, error.value());
  auto manifest = Gather(plan, how, part);
  if (manifest.ok()) {
    fs::rename(part, target, error);
    if (error) manifest = SystemError(kPlace, "cannot create", target, error.value());
  }
  if (!manifest.ok()) {
    fs::remove_all(part, error);
    return manifest.error();
  }
  // The new name itself is to survive a power cut, too.
  if (const Descriptor folder(ModelsFolder(), O_RDONLY | O_DIRECTORY); folder.fd() >= 0) fsync(folder.fd());
  return manifest;
}

}  // namespace thimble::host
