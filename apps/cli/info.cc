// SPDX-License-Identifier: Apache-2.0
// thimble info: what a model is and needs.
#include "base/text.h"
#include "cli/input.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "host/find_model.h"
#include "host/pack_store.h"
#include "host/store.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <system_error>

namespace thimble::cli {

namespace {

// Tensor types with how many tensors and bytes they have, of all files.
Json TypesJson(const Engine::Description& d) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> types;
  for (const ModelFile* file : {d.text_file.get(), d.vision_file.get()}) {
    if (file == nullptr) continue;
    for (const TensorEntry& tensor : file->tensors()) {
      // Types that only some folders have: words of packed codes, numbers of positions.
      const std::string type =
          tensor.unknown_type.empty() ? std::string(TraitsOf(tensor.dtype).name) : tensor.unknown_type.substr(0, 20);
      auto& [count, bytes] = types[type];
      ++count;
      bytes += static_cast<std::int64_t>(tensor.size_bytes);
    }
  }
  Json json = Json::Object();
  for (const auto& [name, entry] : types) {
    json.Set(name, Json::Object({{"tensors", Json::Integer(entry.first)}, {"bytes", Json::Integer(entry.second)}}));
  }
  return json;
}

std::uint64_t SizeOf(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::uint64_t>(size);
}

Json VisionChoiceJson(const VisionChoice& choice) {
  std::vector<Json> others;
  others.reserve(choice.others.size());
  for (const std::string& other : choice.others) others.push_back(Json::String(other));
  return Json::Object({{"path", choice.path.empty() ? Json() : Json::String(choice.path)},
                       {"why", Json::String(choice.why)},
                       {"others", Json::Array(std::move(others))}});
}

Json Bytes(std::uint64_t value) { return Json::Integer(static_cast<std::int64_t>(value)); }

Json SizesJson(const ModelConfig& c) {
  const auto number = [](std::int64_t value) { return Json::Integer(value); };
  return Json::Object({{"width", number(c.width)},
                       {"mlp", number(c.mlp)},
                       {"vocab", number(c.vocab)},
                       {"layers", number(c.num_layers())},
                       {"attention_heads", number(c.num_heads)},
                       {"kv_heads", number(c.num_kv_heads)},
                       {"head", number(c.head)},
                       {"delta_key_heads", number(c.delta.num_key_heads)},
                       {"delta_value_heads", number(c.delta.num_value_heads)},
                       {"delta_key_head", number(c.delta.key_head)},
                       {"delta_value_head", number(c.delta.value_head)},
                       {"context_length", number(c.context_length)}});
}

Json LayerKindsJson(const ModelConfig& c) {
  std::vector<Json> kinds;
  kinds.reserve(c.layers.size());
  for (const LayerKind kind : c.layers)
    kinds.push_back(Json::String(kind == LayerKind::kDelta ? "delta" : "attention"));
  return Json::Array(std::move(kinds));
}

Json VisionJson(const Engine::Description& d) {
  if (!d.config.vision.has_value()) return {};
  const VisionConfig& vision = *d.config.vision;
  return Json::Object({{"depth", Json::Integer(vision.depth)},
                       {"width", Json::Integer(vision.width)},
                       {"heads", Json::Integer(vision.num_heads)},
                       {"mlp", Json::Integer(vision.mlp)},
                       {"file", d.mmproj_path.has_value() ? Json::String(*d.mmproj_path) : Json()}});
}

Json MemoryJson(const Engine::Description& d) {
  const MemoryNeeds& m = d.memory;
  return Json::Object({{"context", Json::Integer(d.context)},
                       {"total_bytes", Bytes(m.total())},
                       {"weights_bytes", Bytes(m.weights_bytes)},
                       {"mapped_bytes", Bytes(m.mapped_bytes)},
                       {"kv_bytes", Bytes(m.kv_bytes)},
                       {"state_bytes", Bytes(m.state_bytes)},
                       {"activation_bytes", Bytes(m.activation_bytes)},
                       {"vision_bytes", Bytes(m.vision_bytes)},
                       {"picture_bytes", Bytes(m.picture_bytes)},
                       {"vocabulary_bytes", Bytes(m.vocabulary_bytes)}});
}

Json UnusedTensorsJson(const Engine::Description& d) {
  std::vector<Json> unused;
  unused.reserve(d.unused_tensors.size());
  for (const UnusedTensor& tensor : d.unused_tensors)
    unused.push_back(Json::Object({{"name", Json::String(tensor.name)}, {"why", Json::String(tensor.why)}}));
  return Json::Array(std::move(unused));
}

// The packs that lie around for the model at `path`, fitting or not.
std::vector<std::string> PacksOf(const std::string& path, const Engine::Description& d) {
  std::vector<std::string> packs;
  for (const ModelFile* file : {d.text_file.get(), d.vision_file.get()}) {
    if (file == nullptr) continue;
    for (std::string& pack : host::FindPacks(*file, host::CacheFolderFor(path))) packs.push_back(std::move(pack));
  }
  return packs;
}

Json PackCachesJson(const std::string& path, const Engine::Description& d) {
  std::vector<Json> caches;
  for (const std::string& cache : PacksOf(path, d))
    caches.push_back(Json::Object({{"path", Json::String(cache)}, {"bytes", Bytes(SizeOf(cache))}}));
  return Json::Array(std::move(caches));
}

Json DescriptionJson(const std::string& path, const Engine::Description& d, const host::ThreadChoice& threads) {
  const ModelConfig& c = d.config;
  std::vector<Json> warnings;
  warnings.reserve(d.warnings.size());
  for (const std::string& warning : d.warnings) warnings.push_back(Json::String(warning));
  return Json::Object(
      {{"path", Json::String(path)},
       {"architecture", Json::String("qwen35")},
       {"format", Json::String(d.text_file->format() == ModelFile::Format::kGguf ? "gguf" : "safetensors")},
       {"name", Json::String(c.name)},
       {"file_bytes",
        Bytes(d.text_file->total_bytes() + (d.vision_file != nullptr ? d.vision_file->total_bytes() : 0))},
       {"sizes", SizesJson(c)},
       {"layer_kinds", LayerKindsJson(c)},
       {"tied_embedding", Json::Bool(c.is_tied)},
       {"tensor_types", TypesJson(d)},
       {"unused_tensors", UnusedTensorsJson(d)},
       {"vision", VisionJson(d)},
       {"mmproj", VisionChoiceJson(d.vision_choice)},
       {"mtp", Json::Bool(c.has_mtp)},
       {"template", Json::String(std::string(TemplateName(d.chat_template.variant)))},
       {"template_known", Json::Bool(d.chat_template.is_known)},
       {"memory", MemoryJson(d)},
       {"threads", Json::Integer(threads.threads)},
       {"threads_why", Json::String(threads.why)},
       {"pack_caches", PackCachesJson(path, d)},
       {"warnings", Json::Array(std::move(warnings))}});
}

void PrintRow(const char* name, const std::string& value) {
  std::printf("%-14s %s\n", EscapeControls(name).c_str(), EscapeControls(value).c_str());
}

// "3 tensors: 'rope_freqs.weight' (...), 'x' (...), 'y' (...) and 2 more".
std::string UnusedText(const std::vector<UnusedTensor>& unused) {
  constexpr std::size_t kMostNamed = 3;
  std::string text = Cat(unused.size(), unused.size() == 1 ? " tensor: " : " tensors: ");
  for (std::size_t i = 0; i < std::min(unused.size(), kMostNamed); ++i)
    text += Cat(i == 0 ? "" : ", ", "'", unused[i].name.substr(0, 100), "' (", unused[i].why, ")");
  if (unused.size() > kMostNamed) text += Cat(" and ", unused.size() - kMostNamed, " more (--json lists all)");
  return text;
}

void PrintDescription(const std::string& path, const CommonOptions& options, const Engine::Description& d,
                      const host::ThreadChoice& threads) {
  const ModelConfig& c = d.config;
  PrintRow("model", c.name.empty() ? path : Cat(c.name, " (", path, ")"));
  PrintRow("size", FormatBytes(d.text_file->total_bytes()));
  PrintRow("form",
           Cat(d.text_file->format() == ModelFile::Format::kGguf ? "GGUF" : "safetensors", ", ", c.num_layers(),
               " layers (", c.num_layers() - c.num_attention_layers(), " Gated DeltaNet, ", c.num_attention_layers(),
               " attention), width ", c.width, ", MLP ", c.mlp, ", vocabulary ", c.vocab));
  std::string types;
  const Json all_types = TypesJson(d);
  for (const auto& [name, entry] : all_types.members()) {
    types += Cat(types.empty() ? "" : ", ", name, " x ", entry.Find("tensors")->text());
  }
  PrintRow("tensors", types);
  if (!d.unused_tensors.empty()) PrintRow("not used", UnusedText(d.unused_tensors));
  PrintRow("template", std::string(TemplateName(d.chat_template.variant)));
  PrintRow("pictures", c.vision.has_value() ? Cat("yes, tower of ", c.vision->depth, " blocks x ", c.vision->width,
                                                  d.mmproj_path.has_value() ? Cat(" in ", *d.mmproj_path) : "")
                                            : std::string("no"));
  const VisionChoice& choice = d.vision_choice;
  if (!choice.path.empty() || !choice.others.empty())
    PrintRow("vision file", Cat(choice.path.empty() ? "none" : choice.path, " (", choice.why, ")"));
  for (const std::string& other : choice.others) PrintRow("", Cat("not taken: ", other));
  PrintRow("draft head", c.has_mtp ? "yes (MTP)" : "no");
  PrintRow("context",
           Cat("up to ", c.context_length, " tokens; ", d.context, options.context > 0 ? " asked for" : " by default"));
  PrintRow("memory", Cat(FormatBytes(d.memory.total()), " at ", d.context, " tokens (weights ",
                         FormatBytes(d.memory.weights_bytes + d.memory.mapped_bytes), ", keys and values ",
                         FormatBytes(d.memory.kv_bytes), ")"));
  if (threads.threads > 0) PrintRow("threads", Cat(threads.threads, " (", threads.why, ")"));
  for (const std::string& cache : PacksOf(path, d))
    PrintRow("pack cache", Cat(cache, " (", FormatBytes(SizeOf(cache)), "; may be deleted)"));
  for (const std::string& warning : d.warnings) PrintRow("warning", warning);
}

}  // namespace

int Info(const CommonOptions& options) {
  auto path = ResolveModel(options.model);
  if (!path.ok()) return Fail(path.error());
  host::OpenOptions open;
  open.model = path.value();
  open.mmproj = host::ExpandHome(options.mmproj);
  open.context = options.context;
  // A wrong --isa is no fault here: nothing computes.
  const auto chosen = ThreadsFor(options, host::MeasureThreadsWhen::kNever);
  const host::ThreadChoice threads = chosen.ok() ? chosen.value() : host::ThreadChoice{options.threads, ""};
  open.threads = threads.threads;
  open.precision = options.exact ? Precision::kExact : Precision::kFast;
  open.kv = options.kv == "q8" ? KvType::kQ8 : KvType::kF16;
  auto described = host::DescribeModel(open);
  if (!described.ok()) return Fail(described.error());
  Json facts;
  if (auto builtin = host::FindBuiltinModel(); builtin.has_value() && builtin->path == path.value())
    facts = builtin->facts;
  if (options.json) {
    Json json = DescriptionJson(path.value(), described.value(), threads);
    if (facts.IsObject()) json.Set("builtin", facts);
    return PrintJson(json);
  }
  PrintDescription(path.value(), options, described.value(), threads);
  for (const auto& [key, value] : facts.members()) {
    if (value.IsString()) PrintRow(key == "name" ? "built-in" : key.c_str(), value.text());
  }
  return kExitOk;
}

}  // namespace thimble::cli
