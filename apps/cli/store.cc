// SPDX-License-Identifier: Apache-2.0
#include "cli/store.h"

#include "base/text.h"
#include "cli/options.h"
#include "cli/suggest.h"
#include "cli/terminal.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

namespace thimble::cli {

namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool Exists(const std::string& path) { return KindOfPath(path) != PathKind::kNothing; }

Result<Json> ReadJsonFile(const std::string& path) {
  THIMBLE_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path, std::uint64_t{16} << 20));
  return Json::Parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

// Names in the store, sorted; what is still being imported begins with '.'.
std::vector<std::string> NamesInStore() {
  auto names = NamesInFolder(ModelsFolder());
  if (!names.ok()) return {};
  std::erase_if(names.value(), [](const std::string& name) { return !IsPlainName(name); });
  return std::move(names).value();
}

std::uint64_t SizeOf(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::uint64_t>(size);
}

}  // namespace

bool IsPlainName(const std::string& name) {
  constexpr std::size_t kLongest = 128;
  return !name.empty() && name.size() <= kLongest && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_';
         });
}

std::string StoreHome() {
  if (const std::string home = Environment("THIMBLE_HOME"); !home.empty()) return home;
  if (const std::string data = Environment("XDG_DATA_HOME"); !data.empty()) return data + "/thimble";
  const std::string user = Environment("HOME");
  return (user.empty() ? std::string(".") : user) + "/.local/share/thimble";
}

std::string CacheFolder() {
  if (const std::string home = Environment("XDG_CACHE_HOME"); !home.empty()) return home + "/thimble";
  const std::string user = Environment("HOME");
  return user.empty() ? "" : user + "/.cache/thimble";
}

std::string CacheFolderFor(const std::string& model) {
  const std::string folder = CacheFolder();
  if (folder.empty()) return "";
  std::error_code error;
  const std::filesystem::path place = std::filesystem::canonical(model, error);
  if (error) return "";
  std::string name = KindOfPath(model) == PathKind::kFolder ? place.string() : place.parent_path().string();
  std::replace(name.begin(), name.end(), '/', '%');
  return Cat(folder, "/", name);
}

std::string ModelsFolder() { return StoreHome() + "/models"; }

std::optional<BuiltinModel> FindBuiltinModel() {
  constexpr std::string_view kPlace = "/share/thimble/builtin.gguf";
  std::vector<std::string> places;
  if (const std::string named = Environment("THIMBLE_BUILTIN"); !named.empty()) {
    places.push_back(named);
  } else {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (!error) {
      const std::string folder = FolderOf(program.string());
      places.push_back(Cat(folder, kPlace));
      places.push_back(Cat(FolderOf(folder), kPlace));
    }
    places.emplace_back(THIMBLE_BUILTIN_PATH);
  }
  for (const std::string& place : places) {
    if (KindOfPath(place) != PathKind::kFile) continue;
    BuiltinModel builtin{place, Json::Object()};
    const std::string stem = place.ends_with(".gguf") ? place.substr(0, place.size() - 5) : place;
    if (auto facts = ReadJsonFile(stem + ".json"); facts.ok() && facts.value().IsObject()) {
      builtin.facts = std::move(facts).value();
    }
    return builtin;
  }
  return std::nullopt;
}

std::string ExpandHome(const std::string& text) {
  const std::string home = Environment("HOME");
  return text.starts_with("~/") && !home.empty() ? home + text.substr(1) : text;
}

namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsWordOf(std::string_view text, std::string_view also) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsLetter(c) || (c >= '0' && c <= '9') || also.find(c) != std::string_view::npos;
  });
}

bool IsOneWord(const std::string& text) {
  return !text.empty() &&
         std::none_of(text.begin(), text.end(), [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); });
}

bool BeginsAsPath(const std::string& text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") || text.starts_with("~/");
}

// "qwen3.5:0.8b", "hf.co/owner/model-GGUF:Q4_K_M".
bool IsNameWithTag(const std::string& text) {
  const std::size_t colon = text.find(':');
  return colon != std::string::npos && IsLetter(text[0]) && IsWordOf(text.substr(0, colon), "._-/") &&
         IsWordOf(text.substr(colon + 1), "._-");
}

}  // namespace

bool LooksLikeModel(const std::string& text) {
  if (!IsOneWord(text)) return false;
  std::string lower = text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool ends_as_model = lower.ends_with(".gguf") || lower.ends_with(".safetensors") || lower.ends_with(".bin");
  return ends_as_model || BeginsAsPath(text) || IsNameWithTag(text);
}

bool IsModel(const std::string& text) {
  if (text == "builtin" || (!text.empty() && Exists(ExpandHome(text)))) return true;
  if (IsPlainName(text) && Exists(Cat(ModelsFolder(), "/", text))) return true;
  return LooksLikeModel(text);
}

namespace {

Error NoBuiltin() {
  if (const std::string named = Environment("THIMBLE_BUILTIN"); !named.empty()) {
    return Error{Code::kNotFound,
                 Cat("[model] the built-in model is to be ", named, " (THIMBLE_BUILTIN), but there is no such file")};
  }
  return Error{Code::kNotFound,
               "[model] this build has no built-in model: name a model of your own (thimble chat MODEL.gguf), or run "
               "scripts/get-builtin in the source folder"};
}

// A path that leads nowhere.
Error NoSuchPath(const std::string& text) {
  const std::string path = ExpandHome(text);
  std::string about;
  if (const std::string target = LinkTarget(path); !target.empty()) {
    about = Cat("; it is a link to ", target, ", where nothing is");
  } else if (const std::string folder = FolderOf(path); !Exists(folder)) {
    about = Cat("; there is no folder ", folder, " either");
  } else if (const auto names = NamesInFolder(folder); names.ok()) {
    const std::string nearest = Nearest(NameOf(path), names.value());
    if (!nearest.empty()) about = Cat("; did you mean '", folder == "/" ? "" : folder, "/", nearest, "'?");
  }
  return Error{Code::kNotFound, Cat("[model] there is no file or folder ", path, about)};
}

Error NoSuchTag(const std::string& text) {
  const std::string name = text.substr(0, text.find(':'));
  if (IsPlainName(name) && Exists(Cat(ModelsFolder(), "/", name))) {
    return Error{Code::kNotFound, Cat("[model] there is no '", text, "'; did you mean '", name, "', without a tag?")};
  }
  return Error{Code::kNotFound, Cat("[model] '", text,
                                    "' is a name as Ollama and hubs use it, and no file here: give the path of a GGUF "
                                    "file (`ollama show --modelfile ",
                                    text,
                                    "` tells it after FROM; `thimble import FILE` gives it a "
                                    "name). If it is a prompt, put a model before it: thimble run builtin '",
                                    text, "'")};
}

Error NoSuchModel(const std::string& text) {
  if (text.find("://") != std::string::npos) {
    return Error{Code::kNotFound, Cat("[model] '", text,
                                      "' is an address, and nothing here opens a network "
                                      "connection: download the file and give its path")};
  }
  if (BeginsAsPath(text)) return NoSuchPath(text);
  if (IsNameWithTag(text)) return NoSuchTag(text);
  std::vector<std::string> known = NamesInStore();
  known.emplace_back("builtin");
  const std::string nearest = Nearest(text, known);
  std::string advice;
  if (!nearest.empty()) {
    advice = Cat("did you mean '", nearest, "'?");
  } else if (known.size() > 1) {
    advice = "`thimble list` shows the names there";
  } else {
    advice = "download a GGUF file and give its path; `thimble import FILE` gives it a name";
  }
  return Error{Code::kNotFound, Cat("[model] '", text, "' is no file, no folder and no name in the model store (",
                                    ModelsFolder(), "); ", advice)};
}

}  // namespace

Result<std::string> ResolveModel(const std::string& text) {
  if (text.empty() || text == "builtin") {
    if (auto builtin = FindBuiltinModel(); builtin.has_value()) return builtin->path;
    return NoBuiltin();
  }
  if (const std::string path = ExpandHome(text); Exists(path)) return path;
  if (const std::string stored = Cat(ModelsFolder(), "/", text); IsPlainName(text) && Exists(stored)) return stored;
  return NoSuchModel(text);
}

namespace {

// What is known about a model of the store, as `thimble list --json` says it.
Json StoredModel(const std::string& name) {
  const std::string path = Cat(ModelsFolder(), "/", name);
  auto manifest = ReadJsonFile(path + "/manifest.json");
  Json item = Json::Object({{"name", Json::String(name)}, {"path", Json::String(path)}});
  std::uint64_t bytes = 0;
  if (manifest.ok() && manifest.value().IsObject()) {
    for (const auto& [key, value] : manifest.value().members()) {
      if (key != "name" && key != "path") item.Set(key, value);
    }
  }
  if (KindOfPath(path) == PathKind::kFolder) {
    auto names = NamesInFolder(path);
    if (names.ok()) {
      for (const std::string& file : names.value()) bytes += SizeOf(Cat(path, "/", file));
    }
  } else {
    bytes = SizeOf(path);
  }
  item.Set("bytes", Json::Integer(static_cast<std::int64_t>(bytes)));
  return item;
}

}  // namespace

int List(bool json) {
  std::vector<Json> models;
  if (auto builtin = FindBuiltinModel(); builtin.has_value()) {
    Json item = Json::Object({{"name", Json::String("builtin")}, {"path", Json::String(builtin->path)}});
    for (const auto& [key, value] : builtin->facts.members()) item.Set(key == "name" ? "title" : key, value);
    item.Set("bytes", Json::Integer(static_cast<std::int64_t>(SizeOf(builtin->path))));
    models.push_back(std::move(item));
  }
  for (const std::string& name : NamesInStore()) models.push_back(StoredModel(name));
  if (json) {
    return PrintJson(Json::Object({{"home", Json::String(StoreHome())}, {"models", Json::Array(std::move(models))}}));
  }
  std::size_t width = 0;
  for (const Json& model : models) width = std::max(width, model.Find("name")->text().size());
  for (const Json& model : models) {
    const auto bytes = static_cast<std::uint64_t>(model.Find("bytes")->AsInt().value_or(0));
    std::printf("%-*s  %10s  %s\n", static_cast<int>(width), model.Find("name")->text().c_str(),
                FormatBytes(bytes).c_str(), EscapeControls(model.Find("path")->text()).c_str());
  }
  if (models.empty()) Say(Cat("no models yet; `thimble import FILE` puts one into ", ModelsFolder()));
  return kExitOk;
}

}  // namespace thimble::cli
