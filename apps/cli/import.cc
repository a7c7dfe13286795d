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
#include "sys/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
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

// Of a folder: what a model is read from.
bool BelongsToModel(const std::string& name) {
  return !name.starts_with('.') && name != "manifest.json" &&
         (name.ends_with(".json") || name.ends_with(".safetensors") || name.ends_with(".jinja") ||
          name.ends_with(".gguf") || name.ends_with(".txt"));
}

// The files of a model: all parts of a split GGUF and its vision file, or what a Hugging Face folder holds.
Result<std::vector<std::string>> FilesOf(const std::string& path) {
  OpenOptions open;
  open.model = path;
  open.check_memory = false;
  THIMBLE_ASSIGN_OR_RETURN(const auto described, Engine::Describe(open));
  std::vector<std::string> files;
  const bool is_folder = KindOfPath(path) == PathKind::kFolder;
  if (!is_folder && described.text_file->format() == ModelFile::Format::kGguf) {
    files = described.text_file->shard_paths();
  } else {
    const std::string folder = is_folder ? path : FolderOf(path);
    THIMBLE_ASSIGN_OR_RETURN(const auto names, NamesInFolder(folder));
    for (const std::string& name : names) {
      if (BelongsToModel(name) && KindOfPath(Cat(folder, "/", name)) == PathKind::kFile)
        files.push_back(Cat(folder, "/", name));
    }
  }
  const std::string mmproj = described.mmproj_path.value_or("");
  const auto is_mmproj = [&](const std::string& file) {
    std::error_code error;
    return fs::equivalent(file, mmproj, error);
  };
  if (!mmproj.empty() && std::none_of(files.begin(), files.end(), is_mmproj)) files.push_back(mmproj);
  return files;
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

// Fills the folder `part`; returns the manifest.
Result<Json> Gather(const ImportOptions& options, const std::string& name, const std::vector<std::string>& files,
                    const std::string& part) {
  Progress progress{ProgressBar(options.link ? "reading" : "copying"), 0, 0};
  std::error_code error;
  for (const std::string& file : files) progress.total += static_cast<std::uint64_t>(fs::file_size(file, error));
  const fs::space_info space = fs::space(part, error);
  if (!options.link && !error && progress.total > space.available) {
    return Error{Code::kExhausted, Cat("[import] the model takes ", FormatBytes(progress.total), ", ", ModelsFolder(),
                                       " has ", FormatBytes(space.available),
                                       " free; make room, or use --link to leave the files where they are")};
  }
  std::vector<Json> entries;
  for (const std::string& file : files) {
    const std::string to = Cat(part, "/", NameOf(file));
    THIMBLE_ASSIGN_OR_RETURN(std::string hash, HashAndCopy(file, options.link ? "" : to, &progress));
    if (options.link) fs::create_symlink(fs::absolute(file), to, error);
    if (options.link && error) return SystemError(kPlace, "cannot link", to, error.value());
    entries.push_back(Json::Object({{"path", Json::String(NameOf(file))},
                                    {"bytes", Json::Integer(static_cast<std::int64_t>(fs::file_size(to, error)))},
                                    {"sha256", Json::String(std::move(hash))}}));
  }
  Json manifest = Json::Object({{"name", Json::String(name)},
                                {"files", Json::Array(std::move(entries))},
                                {"imported_from", Json::String(fs::absolute(options.path, error).string())},
                                {"imported_as", Json::String(options.link ? "link" : "copy")},
                                {"date", Json::String(Today())}});
  THIMBLE_RETURN_IF_ERROR(WriteFileAtomically(part + "/manifest.json", manifest.Dump(Json::Style::kPretty) + "\n"));
  return manifest;
}

}  // namespace

int Import(const ImportOptions& options) {
  if (KindOfPath(options.path) == PathKind::kNothing)
    return Fail(Error{Code::kNotFound, Cat("[import] there is no ", options.path)});
  auto name = ChooseName(options);
  if (!name.ok()) return Fail(name.error());
  auto files = FilesOf(options.path);
  if (!files.ok()) return Fail(files.error());

  const InterruptGuard guard;
  const std::string target = Cat(ModelsFolder(), "/", name.value());
  const std::string part = Cat(ModelsFolder(), "/.", name.value(), ".", getpid(), ".part");
  std::error_code error;
  fs::create_directories(part, error);
  if (error) return Fail(SystemError(kPlace, "cannot create", part, error.value()));
  auto manifest = Gather(options, name.value(), files.value(), part);
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
  std::printf("%s: %zu files in %s\nTry: thimble chat %s\n", name.value().c_str(), files.value().size(),
              EscapeControls(target).c_str(), name.value().c_str());
  return kExitOk;
}

}  // namespace thimble::cli
