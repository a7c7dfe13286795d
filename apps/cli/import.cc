// SPDX-License-Identifier: Apache-2.0
// thimble import: brings a model into the store, whole or not at all.
#include "base/sha256.h"
#include "base/text.h"
#include "cli/atomic_file.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/store.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "files/model_file.h"
#include "host/find_model.h"
#include "host/model_folder.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <vector>

namespace thimble::cli {

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

// Work on several files as one bar.
struct Progress {
  ProgressBar bar;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
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
    if (InterruptGuard::was_interrupted()) return Error{Code::kCancelled, "[import] interrupted; nothing was kept"};
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
    progress->bar.Show(static_cast<double>(progress->done) /
                       static_cast<double>(std::max<std::uint64_t>(progress->total, 1)));
  }
  if (!to.empty() && (fsync(out.fd()) != 0 || !out.Close())) return SystemError(kPlace, "cannot finish", to, errno);
  return hash.Finish();
}

// By which a file that is replaced or written to meanwhile is known.
struct Stamp {
  explicit Stamp(const std::string& path) {
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) return;
    size = status.st_size;
    node = status.st_ino;
    seconds = status.st_mtim.tv_sec;
    nanoseconds = status.st_mtim.tv_nsec;
  }
  bool operator==(const Stamp&) const = default;

  std::int64_t size = -1;
  std::uint64_t node = 0;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
};

// One file that comes along.
struct Item {
  explicit Item(const std::string& path, std::string in_store) : from(path), name(std::move(in_store)), stamp(path) {}

  std::string from;
  std::string name;  // in the store
  Stamp stamp;
};

struct Contents {
  std::vector<Item> items;
  VisionChoice vision;
  std::vector<std::string> left_out;  // paths of what lies there and does not come along
  std::vector<std::string> warnings;
};

// Of a folder: what a model is read from.
bool BelongsToModel(const std::string& name) {
  const auto ends = [&](std::string_view ending) { return host::IsNamedLike(name, ending); };
  return name != "manifest.json" &&
         (ends(".json") || ends(".safetensors") || ends(".jinja") || ends(".gguf") || ends(".txt"));
}

// A GGUF file is known in the store by its ending: Ollama and Hugging Face's cache keep theirs under a number.
std::string NameInStore(const std::string& path) {
  const std::string name = NameOf(path);
  const auto head = ReadHead(path, 4);
  const bool is_gguf = head.ok() && head.value().size() == 4 && std::memcmp(head.value().data(), "GGUF", 4) == 0;
  return is_gguf && !host::IsNamedLike(name, ".gguf") ? name + ".gguf" : name;
}

// What comes along of the folder in which the model lies: all of a folder that was named, else the weights that the
// model is made of and the small files beside them.
Status AddFolder(const std::string& folder, bool is_named, const ModelFile& model, Contents* contents) {
  THIMBLE_ASSIGN_OR_RETURN(const auto names, NamesInFolder(folder));
  for (const std::string& name : names) {
    const std::string path = Cat(folder, "/", name);
    const bool is_weights = host::IsNamedLike(name, ".safetensors") || host::IsNamedLike(name, ".gguf");
    const bool is_part = std::any_of(model.shard_paths().begin(), model.shard_paths().end(),
                                     [&](const std::string& shard) { return NameOf(shard) == name; });
    if (is_weights && !is_part && !is_named) continue;  // another model of the same folder
    if (KindOfPath(path) == PathKind::kFile && (BelongsToModel(name) || is_part)) {
      contents->items.emplace_back(path, NameInStore(path));
    } else if (is_named && !name.starts_with('.') && name != "manifest.json") {
      contents->left_out.push_back(path);
    }
  }
  return Done{};
}

// The files of a model: all parts of a split GGUF and its vision file, or what a Hugging Face folder holds.
Result<Contents> ContentsOf(const std::string& path, const std::string& mmproj) {
  host::OpenOptions open;
  open.model = path;
  open.mmproj = mmproj;
  open.check_memory = false;
  THIMBLE_ASSIGN_OR_RETURN(auto described, host::DescribeModel(open));
  Contents contents;
  contents.vision = std::move(described.vision_choice);
  contents.warnings = std::move(described.warnings);
  const bool is_folder = KindOfPath(path) == PathKind::kFolder;
  if (!is_folder && described.text_file->format() == ModelFile::Format::kGguf) {
    for (const std::string& shard : described.text_file->shard_paths())
      contents.items.emplace_back(shard, NameInStore(shard));
  } else {
    THIMBLE_RETURN_IF_ERROR(AddFolder(is_folder ? path : FolderOf(path), is_folder, *described.text_file, &contents));
  }
  const auto comes_along = [&](const std::string& file) {
    std::error_code error;
    return std::any_of(contents.items.begin(), contents.items.end(),
                       [&](const Item& item) { return fs::equivalent(item.from, file, error); });
  };
  const std::string& vision = contents.vision.path;
  if (!vision.empty() && !comes_along(vision)) contents.items.emplace_back(vision, NameInStore(vision));
  for (const std::string& other : contents.vision.others) {
    if (!comes_along(other)) contents.left_out.push_back(other);
  }
  for (std::size_t i = 0; i < contents.items.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (contents.items[i].name == contents.items[j].name) {
        return Error{Code::kInvalid, Cat("[import] ", contents.items[j].from, " and ", contents.items[i].from,
                                         " would both be ", contents.items[i].name, " in the store: rename one")};
      }
    }
  }
  return contents;
}

// What people should know of the choice that was made for them.
void TellContents(const Contents& contents) {
  const VisionChoice& vision = contents.vision;
  for (const std::string& warning : contents.warnings) {
    const bool is_of_vision = vision.path.empty() && warning == vision.why;
    Warn(is_of_vision ? Cat("no vision file is taken along: ", warning) : warning);
  }
  if (!vision.path.empty()) Say(Cat("vision file ", vision.path, ": ", vision.why));
  if (contents.left_out.empty()) return;
  constexpr std::size_t kMostTold = 20;
  std::string names;
  for (std::size_t i = 0; i < std::min(contents.left_out.size(), kMostTold); ++i)
    names += Cat(i == 0 ? "" : ", ", NameOf(contents.left_out[i]));
  if (contents.left_out.size() > kMostTold) names += Cat(" and ", contents.left_out.size() - kMostTold, " more");
  Say(Cat("not taken along: ", names));
}

Json ListOf(const std::vector<std::string>& texts) {
  std::vector<Json> items;
  items.reserve(texts.size());
  for (const std::string& text : texts) items.push_back(Json::String(text));
  return Json::Array(std::move(items));
}

Result<std::string> ChooseName(const ImportOptions& options) {
  std::string name = options.name;
  if (name.empty()) {
    std::error_code error;
    fs::path plain = fs::absolute(options.path, error).lexically_normal();
    if (!plain.has_filename()) plain = plain.parent_path();
    if (plain.extension() == ".safetensors") plain = plain.parent_path();
    name = plain.extension() == ".gguf" ? plain.stem().string() : plain.filename().string();
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
  }
  if (!IsPlainName(name) || name == "builtin") {
    return Error{Code::kInvalid, Cat("[import] a name is letters, digits, '.', '-' and '_' (and not builtin), found '",
                                     name, "'; choose one with --name")};
  }
  if (KindOfPath(Cat(ModelsFolder(), "/", name)) != PathKind::kNothing) {
    return Error{Code::kInvalid, Cat("[import] the store has a model '", name,
                                     "' already; choose another --name, or delete ", ModelsFolder(), "/", name)};
  }
  return name;
}

std::string Today() {
  const std::time_t now = std::time(nullptr);
  std::tm date{};
  gmtime_r(&now, &date);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &date);
  return text.data();
}

// One file of the store's folder `part`; returns its entry in the manifest.
Result<Json> Take(const ImportOptions& options, const Item& item, const std::string& part, Progress* progress) {
  const std::string to = Cat(part, "/", item.name);
  THIMBLE_ASSIGN_OR_RETURN(std::string hash, HashAndCopy(item.from, options.link ? "" : to, progress));
  if (!(Stamp(item.from) == item.stamp)) {
    return Error{Code::kSystem, Cat("[import] ", item.from,
                                    " was changed while it was read; nothing was kept: try again when it is whole")};
  }
  std::error_code error;
  if (options.link) fs::create_symlink(fs::absolute(item.from), to, error);
  if (options.link && error) return SystemError(kPlace, "cannot link", to, error.value());
  return Json::Object({{"path", Json::String(item.name)},
                       {"bytes", Json::Integer(item.stamp.size)},
                       {"sha256", Json::String(std::move(hash))}});
}

// Fills the folder `part`; returns the manifest.
Result<Json> Gather(const ImportOptions& options, const std::string& name, const Contents& contents,
                    const std::string& part) {
  Progress progress{ProgressBar(options.link ? "reading" : "copying"), 0, 0};
  std::error_code error;
  for (const Item& item : contents.items)
    progress.total += static_cast<std::uint64_t>(std::max<std::int64_t>(item.stamp.size, 0));
  const fs::space_info space = fs::space(part, error);
  if (!options.link && !error && progress.total > space.available) {
    return Error{Code::kExhausted, Cat("[import] the model takes ", FormatBytes(progress.total), ", ", ModelsFolder(),
                                       " has ", FormatBytes(space.available),
                                       " free; make room, or use --link to leave the files where they are")};
  }
  std::vector<Json> entries;
  for (const Item& item : contents.items) {
    THIMBLE_ASSIGN_OR_RETURN(Json entry, Take(options, item, part, &progress));
    entries.push_back(std::move(entry));
  }
  // What is in the store opens.
  host::OpenOptions open;
  open.model = part;
  open.check_memory = false;
  const auto described = host::DescribeModel(open);
  if (!described.ok()) return described.error();
  const VisionChoice& vision = contents.vision;
  if (!vision.path.empty() && !described.value().config.vision.has_value()) {
    return Error{Code::kCorrupt,
                 Cat("[import] ", vision.path, " would read no pictures: ", described.value().vision_choice.why)};
  }
  Json mmproj = Json::Object({{"path", vision.path.empty() ? Json() : Json::String(NameInStore(vision.path))},
                              {"why", Json::String(vision.why)},
                              {"others", ListOf(vision.others)}});
  Json manifest = Json::Object({{"name", Json::String(name)},
                                {"files", Json::Array(std::move(entries))},
                                {"mmproj", std::move(mmproj)},
                                {"left_out", ListOf(contents.left_out)},
                                {"imported_from", Json::String(fs::absolute(options.path, error).string())},
                                {"imported_as", Json::String(options.link ? "link" : "copy")},
                                {"date", Json::String(Today())}});
  THIMBLE_RETURN_IF_ERROR(WriteFileAtomically(part + "/manifest.json", manifest.Dump(Json::Style::kPretty) + "\n"));
  return manifest;
}

// Where no shell has put the home folder in place of ~.
void ExpandHomes(ImportOptions* options) {
  options->path = ExpandHome(options->path);
  options->mmproj = ExpandHome(options->mmproj);
}

}  // namespace

int Import(ImportOptions options) {
  ExpandHomes(&options);
  if (KindOfPath(options.path) == PathKind::kNothing) {
    // The store's names are no paths.
    if (const auto path = ResolveModel(options.path); LooksLikeModel(options.path) && !path.ok())
      return Fail(path.error());
    return Fail(Error{Code::kNotFound, Cat("[import] there is no ", options.path)});
  }
  auto contents = ContentsOf(options.path, options.mmproj);
  if (!contents.ok()) return Fail(contents.error());
  auto name = ChooseName(options);
  if (!name.ok()) return Fail(name.error());
  TellContents(contents.value());

  const InterruptGuard guard;
  const std::string target = Cat(ModelsFolder(), "/", name.value());
  const std::string part = Cat(ModelsFolder(), "/.", name.value(), ".", getpid(), ".part");
  std::error_code error;
  fs::create_directories(part, error);
  if (error) return Fail(SystemError(kPlace, "cannot create", part, error.value()));
  auto manifest = Gather(options, name.value(), contents.value(), part);
  if (manifest.ok()) {
    fs::rename(part, target, error);
    if (error) manifest = SystemError(kPlace, "cannot create", target, error.value());
  }
  if (!manifest.ok()) {
    fs::remove_all(part, error);
    return Fail(manifest.error());
  }
  // The new name itself is to survive a power cut, too.
  if (const Descriptor folder(ModelsFolder(), O_RDONLY | O_DIRECTORY); folder.fd() >= 0) fsync(folder.fd());
  if (options.json) return PrintJson(manifest.value());
  std::printf("%s: %zu files in %s\nTry: thimble chat %s\n", name.value().c_str(), contents.value().items.size(),
              EscapeControls(target).c_str(), name.value().c_str());
  return kExitOk;
}

}  // namespace thimble::cli
