// SPDX-License-Identifier: Apache-2.0
#include "cli/store.h"

#include "base/sha256.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "files/model_file.h"
#include "sys/byte_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace thimble::cli {

namespace fs = std::filesystem;

namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<Json> ReadJsonFile(const std::string& path) {
  THIMBLE_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path, 16 << 20));
  return Json::Parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

bool IsPlainName(const std::string& name) {
  return !name.empty() && name.size() <= 128 && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_'; });
}

fs::path Models() { return fs::path(StoreHome()) / "models"; }

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace

std::string StoreHome() {
  if (const std::string home = Environment("THIMBLE_HOME"); !home.empty()) return home;
  if (const std::string data = Environment("XDG_DATA_HOME"); !data.empty()) return data + "/thimble";
  const std::string user = Environment("HOME");
  return (user.empty() ? std::string(".") : user) + "/.local/share/thimble";
}

std::optional<Builtin> FindBuiltin() {
  std::vector<fs::path> places;
  if (const std::string named = Environment("THIMBLE_BUILTIN"); !named.empty()) {
    places.emplace_back(named);
  } else {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (!error) {
      places.push_back(program.parent_path() / "share/thimble/builtin.gguf");
      places.push_back(program.parent_path().parent_path() / "share/thimble/builtin.gguf");
    }
  }
  for (const fs::path& place : places) {
    if (!Exists(place)) continue;
    Builtin builtin{place.string(), Json::Object()};
    fs::path sidecar = place;
    if (auto facts = ReadJsonFile(sidecar.replace_extension(".json").string()); facts.ok() && facts.value().IsObject())
      builtin.facts = facts.value();
    return builtin;
  }
  return std::nullopt;
}

bool IsModel(const std::string& text) {
  return text == "builtin" || (!text.empty() && Exists(text)) || (IsPlainName(text) && Exists(Models() / text));
}

Result<std::string> ResolveModel(const std::string& text) {
  if (text.empty() || text == "builtin") {
    if (auto builtin = FindBuiltin(); builtin.has_value()) return builtin->path;
    return Error{Code::kNotFound,
                 "[model] this build has no built-in model: run scripts/get-builtin in the source folder, or name a "
                 "model: thimble chat MODEL.gguf"};
  }
  if (Exists(text)) return text;
  if (IsPlainName(text) && Exists(Models() / text)) return (Models() / text).string();
  std::string known;
  std::error_code error;
  for (fs::directory_iterator it(Models(), error), end; !error && it != end; it.increment(error)) {
    known += (known.empty() ? "" : ", ") + it->path().filename().string();
  }
  return Error{
      Code::kNotFound,
      Cat("[model] '", text, "' is neither a file, a folder, nor a name in the model store (", StoreHome(), "/models)",
          known.empty() ? std::string("; thimble import PATH adds one") : Cat("; there are: ", known))};
}

int List(bool json) {
  std::vector<Json> models;
  if (auto builtin = FindBuiltin(); builtin.has_value()) {
    Json item = builtin->facts;
    item.Set("name", Json::String("builtin"));
    item.Set("path", Json::String(builtin->path));
    models.push_back(std::move(item));
  }
  std::error_code error;
  std::vector<fs::path> folders;
  for (fs::directory_iterator it(Models(), error), end; !error && it != end; it.increment(error))
    folders.push_back(it->path());
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    auto manifest = ReadJsonFile((folder / "manifest.json").string());
    Json item = manifest.ok() && manifest.value().IsObject() ? manifest.value() : Json::Object();
    item.Set("name", Json::String(folder.filename().string()));
    item.Set("path", Json::String(folder.string()));
    models.push_back(std::move(item));
  }
  if (json)
    return PrintJson(Json::Object({{"home", Json::String(StoreHome())}, {"models", Json::Array(std::move(models))}}));
  if (models.empty()) {
    std::printf("No models yet. thimble import PATH adds one to %s/models.\n", StoreHome().c_str());
    return kExitOk;
  }
  for (const Json& model : models) {
    std::uint64_t bytes =
        static_cast<std::uint64_t>(model.Find("bytes") != nullptr ? model.Find("bytes")->AsInt().value_or(0) : 0);
    if (const Json* files = model.Find("files"); files != nullptr) {
      for (const Json& file : files->items()) {
        if (const Json* size = file.Find("bytes"); size != nullptr)
          bytes += static_cast<std::uint64_t>(size->AsInt().value_or(0));
      }
    }
    std::printf("%-32s %10s  %s\n", EscapeControls(model.Find("name")->text()).c_str(), FormatBytes(bytes).c_str(),
                EscapeControls(model.Find("path")->text()).c_str());
  }
  return kExitOk;
}

namespace {

Error SystemError(const std::string& what, const fs::path& path, int error) {
  return Error{error == ENOSPC ? Code::kExhausted : Code::kSystem,
               Cat("[import] ", what, " ", path.string(), ": ", std::strerror(error),
                   error == ENOSPC ? "; free some room, or use --link" : "")};
}

// Copies a file through its SHA-256; the copy is complete on disk when this returns.
Result<std::string> CopyFile(const fs::path& from, const fs::path& to, ProgressBar* bar, std::uint64_t* done,
                             std::uint64_t total, bool only_hash) {
  THIMBLE_ASSIGN_OR_RETURN(const auto source, MapFile(from.string()));
  int fd = -1;
  if (!only_hash) {
    fd = open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return SystemError("cannot create", to, errno);
  }
  Sha256 hash;
  const auto bytes = source->bytes();
  constexpr std::size_t kStep = std::size_t{4} << 20;
  for (std::size_t at = 0; at < bytes.size(); at += kStep) {
    const auto part = bytes.subspan(at, std::min(kStep, bytes.size() - at));
    hash.Add(part);
    for (std::size_t written = 0; fd >= 0 && written < part.size();) {
      const ssize_t count = write(fd, part.data() + written, part.size() - written);
      if (count < 0) {
        const int error = errno;
        if (error == EINTR) continue;
        close(fd);
        return SystemError("cannot write", to, error);
      }
      written += static_cast<std::size_t>(count);
    }
    source->Release(at, part.size());
    *done += part.size();
    bar->Show(static_cast<double>(*done) / static_cast<double>(std::max<std::uint64_t>(total, 1)));
  }
  if (fd >= 0) {
    const bool is_synced = fsync(fd) == 0;
    const int error = errno;
    if (close(fd) != 0 || !is_synced) return SystemError("cannot finish", to, error);
  }
  return hash.Finish();
}

// The files of a model: all shards, its mmproj beside it, or what a Hugging Face folder needs.
Result<std::vector<fs::path>> FilesOf(const std::string& path) {
  std::vector<fs::path> files;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      const std::string extension = it->path().extension().string();
      if (name[0] != '.' && fs::is_regular_file(it->path(), error) &&
          (extension == ".json" || extension == ".safetensors" || extension == ".jinja" || extension == ".gguf" ||
           extension == ".txt")) {
        files.push_back(it->path());
      }
    }
  } else {
    THIMBLE_ASSIGN_OR_RETURN(const ModelFile model, ModelFile::Open(path));
    for (const std::string& shard : model.shard_paths()) files.emplace_back(shard);
  }
  if (files.empty()) return Error{Code::kNotFound, Cat("[import] ", path, " holds no model")};
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int Import(const ImportOptions& options) {
  if (!Exists(options.path)) return Fail(Error{Code::kNotFound, Cat("[import] there is no ", options.path)});
  OpenOptions open;
  open.model = options.path;
  auto described = Engine::Describe(open);
  if (!described.ok()) return Fail(described.error());
  auto files = FilesOf(options.path);
  if (!files.ok()) return Fail(files.error());
  if (described.value().mmproj_path.has_value()) {
    const fs::path mmproj = *described.value().mmproj_path;
    if (std::find(files.value().begin(), files.value().end(), mmproj) == files.value().end())
      files.value().push_back(mmproj);
  }
  std::string name = options.name;
  if (name.empty()) {
    fs::path plain = fs::path(options.path).lexically_normal();
    if (!plain.has_filename()) plain = plain.parent_path();
    name = plain.extension() == ".gguf" || plain.extension() == ".safetensors" ? plain.stem().string()
                                                                               : plain.filename().string();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::isspace(c) != 0 ? '-' : static_cast<char>(std::tolower(c)); });
  }
  if (!IsPlainName(name) || name == "builtin") {
    return Fail(Error{Code::kInvalid,
                      Cat("[import] '", name,
                          "' is no name for a model: letters, digits, '.', '-' and '_'; choose one with --name")});
  }
  const fs::path target = Models() / name;
  if (Exists(target))
    return Fail(
        Error{Code::kInvalid, Cat("[import] the store has a model '", name, "' already; choose another --name")});
  const fs::path part = Models() / Cat(".", name, ".", getpid(), ".part");
  std::error_code error;
  fs::create_directories(part, error);
  if (error) return Fail(SystemError("cannot create", part, error.value()));

  std::uint64_t total = 0;
  std::uint64_t done = 0;
  for (const fs::path& file : files.value()) total += static_cast<std::uint64_t>(fs::file_size(file, error));
  ProgressBar bar(options.link ? "reading" : "copying");
  std::vector<Json> entries;
  const auto fail = [&](const Error& why) {
    bar.Clear();
    fs::remove_all(part, error);
    return Fail(why);
  };
  for (const fs::path& file : files.value()) {
    const fs::path to = part / file.filename();
    auto hash = CopyFile(file, to, &bar, &done, total, options.link);
    if (!hash.ok()) return fail(hash.error());
    if (options.link) {
      fs::create_symlink(fs::absolute(file), to, error);
      if (error) return fail(SystemError("cannot link", to, error.value()));
    }
    entries.push_back(Json::Object({{"file", Json::String(file.filename().string())},
                                    {"bytes", Json::Integer(static_cast<std::int64_t>(fs::file_size(file, error)))},
                                    {"sha256", Json::String(hash.value())}}));
  }
  const std::time_t now = std::time(nullptr);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%d", std::localtime(&now));
  const Json manifest = Json::Object({{"name", Json::String(name)},
                                      {"files", Json::Array(entries)},
                                      {"imported_from", Json::String(fs::absolute(options.path).string())},
                                      {"imported_as", Json::String(options.link ? "link" : "copy")},
                                      {"date", Json::String(date.data())}});
  std::FILE* file = std::fopen((part / "manifest.json").c_str(), "w");
  const std::string text = manifest.Dump(Json::Style::kPretty) + "\n";
  const bool is_written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file == nullptr || std::fclose(file) != 0 || !is_written)
    return fail(SystemError("cannot write", part / "manifest.json", errno));
  fs::rename(part, target, error);
  if (error) return fail(SystemError("cannot create", target, error.value()));
  bar.Clear();
  if (options.json) return PrintJson(manifest);
  std::printf("%s: %s in %zu files. Try: thimble chat %s\n", name.c_str(), FormatBytes(total).c_str(),
              files.value().size(), name.c_str());
  return kExitOk;
}

}  // namespace thimble::cli
