// SPDX-License-Identifier: Apache-2.0
#include "host/store.h"

#include "base/nearest_word.h"
#include "base/text.h"
#include "service/upload_rules.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace thimble::host {

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

bool IsPlainName(const std::string& name) { return service::IsPlainName(name); }

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
  const std::string lower = AsciiLower(text);
  const bool ends_as_model = lower.ends_with(".gguf") || lower.ends_with(".safetensors") || lower.ends_with(".bin");
  return ends_as_model || BeginsAsPath(text) || IsNameWithTag(text);
}

bool IsModel(const std::string& text) {
  if (text == "builtin" || (!text.empty() && Exists(ExpandHome(text)))) return true;
  if (IsPlainName(text) && Exists(Cat(ModelsFolder(), "/", text))) return true;
  return LooksLikeModel(text);
}

namespace {

ModelSearch Missing(std::string message, MissingModel missing = MissingModel::kSaid) {
  return {"", Error{Code::kNotFound, std::move(message)}, missing};
}

ModelSearch NoBuiltin() {
  if (const std::string named = Environment("THIMBLE_BUILTIN"); !named.empty())
    return Missing(Cat("[model] the built-in model is to be ", named, " (THIMBLE_BUILTIN), but there is no such file"));
  return Missing("[model] this build has no built-in model", MissingModel::kNoBuiltin);
}

// A path that leads nowhere.
ModelSearch NoSuchPath(const std::string& text) {
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
  return Missing(Cat("[model] there is no file or folder ", path, about));
}

ModelSearch NoSuchTag(const std::string& text) {
  const std::string name = text.substr(0, text.find(':'));
  if (IsPlainName(name) && Exists(Cat(ModelsFolder(), "/", name)))
    return Missing(Cat("[model] there is no '", text, "'; did you mean '", name, "', without a tag?"));
  return Missing(Cat("[model] '", text, "' is a name as Ollama and hubs use it, and no file here"),
                 MissingModel::kForeignName);
}

ModelSearch NoSuchModel(const std::string& text) {
  if (text.find("://") != std::string::npos) {
    return Missing(Cat("[model] '", text,
                       "' is an address, and nothing here opens a network connection: download the file and give its "
                       "path"));
  }
  if (BeginsAsPath(text)) return NoSuchPath(text);
  if (IsNameWithTag(text)) return NoSuchTag(text);
  std::vector<std::string> known = NamesInStore();
  known.emplace_back("builtin");
  const std::string message =
      Cat("[model] '", text, "' is no file, no folder and no name in the model store (", ModelsFolder(), ")");
  if (const std::string nearest = Nearest(text, known); !nearest.empty())
    return Missing(Cat(message, "; did you mean '", nearest, "'?"));
  return Missing(message, known.size() > 1 ? MissingModel::kUnknownName : MissingModel::kEmptyStore);
}

}  // namespace

ModelSearch FindModelByName(const std::string& text) {
  if (text.empty() || text == "builtin") {
    if (auto builtin = FindBuiltinModel(); builtin.has_value()) return {std::move(builtin->path), {}, {}};
    return NoBuiltin();
  }
  if (std::string path = ExpandHome(text); Exists(path)) return {std::move(path), {}, {}};
  if (std::string stored = Cat(ModelsFolder(), "/", text); IsPlainName(text) && Exists(stored))
    return {std::move(stored), {}, {}};
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

std::vector<Json> ListModels() {
  std::vector<Json> models;
  if (auto builtin = FindBuiltinModel(); builtin.has_value()) {
    Json item = Json::Object({{"name", Json::String("builtin")}, {"path", Json::String(builtin->path)}});
    for (const auto& [key, value] : builtin->facts.members()) item.Set(key == "name" ? "title" : key, value);
    item.Set("bytes", Json::Integer(static_cast<std::int64_t>(SizeOf(builtin->path))));
    models.push_back(std::move(item));
  }
  for (const std::string& name : NamesInStore()) models.push_back(StoredModel(name));
  return models;
}

}  // namespace thimble::host
