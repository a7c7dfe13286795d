// SPDX-License-Identifier: Apache-2.0
// thimble info, version and embed-image.
#include "base/text.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/reply_json.h"
#include "cli/store.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "kernels/kernels.h"
#include "sys/machine.h"

#include <cstdio>
#include <map>

namespace thimble::cli {

namespace {

// Tensor types with how many tensors and bytes they have, of all files.
Json TypesJson(const Engine::Description& d) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> types;
  for (const ModelFile* file : {d.text_file.get(), d.vision_file.get()}) {
    if (file == nullptr) continue;
    for (const TensorEntry& tensor : file->tensors()) {
      auto& [count, bytes] = types[std::string(TraitsOf(tensor.dtype).name)];
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

Json DescriptionJson(const std::string& path, const Engine::Description& d) {
  const ModelConfig& c = d.config;
  const auto number = [](std::int64_t value) { return Json::Integer(value); };
  std::vector<Json> kinds;
  for (const LayerKind kind : c.layers)
    kinds.push_back(Json::String(kind == LayerKind::kDelta ? "delta" : "attention"));
  std::vector<Json> warnings;
  for (const std::string& warning : d.warnings) warnings.push_back(Json::String(warning));
  Json sizes = Json::Object({{"width", number(c.width)},
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
  Json vision;
  if (c.vision.has_value()) {
    vision = Json::Object({{"depth", number(c.vision->depth)},
                           {"width", number(c.vision->width)},
                           {"heads", number(c.vision->num_heads)},
                           {"mlp", number(c.vision->mlp)},
                           {"file", d.mmproj_path.has_value() ? Json::String(*d.mmproj_path) : Json()}});
  }
  const MemoryNeeds& m = d.memory;
  const auto bytes = [](std::uint64_t value) { return Json::Integer(static_cast<std::int64_t>(value)); };
  Json memory = Json::Object({{"context", number(d.context)},
                              {"total_bytes", bytes(m.total())},
                              {"weights_bytes", bytes(m.weights_bytes)},
                              {"mapped_bytes", bytes(m.mapped_bytes)},
                              {"kv_bytes", bytes(m.kv_bytes)},
                              {"state_bytes", bytes(m.state_bytes)},
                              {"activation_bytes", bytes(m.activation_bytes)},
                              {"vision_bytes", bytes(m.vision_bytes)}});
  return Json::Object(
      {{"path", Json::String(path)},
       {"architecture", Json::String("qwen35")},
       {"format", Json::String(d.text_file->format() == ModelFile::Format::kGguf ? "gguf" : "safetensors")},
       {"name", Json::String(c.name)},
       {"file_bytes",
        bytes(d.text_file->total_bytes() + (d.vision_file != nullptr ? d.vision_file->total_bytes() : 0))},
       {"sizes", std::move(sizes)},
       {"layer_kinds", Json::Array(std::move(kinds))},
       {"tied_embedding", Json::Bool(c.is_tied)},
       {"tensor_types", TypesJson(d)},
       {"vision", std::move(vision)},
       {"mtp", Json::Bool(c.has_mtp)},
       {"template", Json::String(std::string(TemplateName(d.chat_template.variant)))},
       {"template_known", Json::Bool(d.chat_template.is_known)},
       {"memory", std::move(memory)},
       {"warnings", Json::Array(std::move(warnings))}});
}

void PrintRow(const char* name, const std::string& value) {
  std::printf("%-14s %s\n", name, EscapeControls(value).c_str());
}

void PrintDescription(const std::string& path, const Engine::Description& d) {
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
  PrintRow("template", std::string(TemplateName(d.chat_template.variant)));
  PrintRow("pictures", c.vision.has_value() ? Cat("yes, tower of ", c.vision->depth, " blocks x ", c.vision->width,
                                                  d.mmproj_path.has_value() ? Cat(" in ", *d.mmproj_path) : "")
                                            : std::string("no"));
  PrintRow("draft head", c.has_mtp ? "yes (MTP)" : "no");
  PrintRow("context", Cat("up to ", c.context_length, " tokens; ", d.context, " by default"));
  PrintRow("memory", Cat(FormatBytes(d.memory.total()), " at ", d.context, " tokens (weights ",
                         FormatBytes(d.memory.weights_bytes + d.memory.mapped_bytes), ", keys and values ",
                         FormatBytes(d.memory.kv_bytes), ")"));
  for (const std::string& warning : d.warnings) PrintRow("warning", warning);
}

}  // namespace

int Info(const CommonOptions& options) {
  auto path = ResolveModel(options.model);
  if (!path.ok()) return Fail(path.error());
  OpenOptions open;
  open.model = path.value();
  open.mmproj = options.mmproj;
  open.context = options.context;
  open.threads = options.threads;
  open.precision = options.exact ? Precision::kExact : Precision::kFast;
  auto described = Engine::Describe(open);
  if (!described.ok()) return Fail(described.error());
  Json facts;
  if (auto builtin = FindBuiltin(); builtin.has_value() && builtin->path == path.value()) facts = builtin->facts;
  if (options.json) {
    Json json = DescriptionJson(path.value(), described.value());
    if (facts.IsObject()) json.Set("builtin", facts);
    return PrintJson(json);
  }
  PrintDescription(path.value(), described.value());
  if (facts.IsObject()) {
    for (const char* key : {"name", "licence", "origin", "sha256", "can", "cannot", "note"}) {
      if (const Json* value = facts.Find(key); value != nullptr) PrintRow(key, value->text());
    }
  }
  return kExitOk;
}

int Version(bool json) {
  const CpuFeatures features = DetectCpuFeatures();
  const auto table = kernels::Choose(features, "");
  const std::string isa = table.ok() ? table.value()->name : "";
  if (json) {
    return PrintJson(Json::Object({{"version", Json::String(THIMBLE_VERSION)},
                                   {"isa", Json::String(isa)},
                                   {"cpu", Json::String(CpuFeatureNames(features))},
                                   {"threads", Json::Integer(NumUsableCores())}}));
  }
  std::printf("thimble %s\nkernels %s (processor: %s), %d usable cores\n", THIMBLE_VERSION, isa.c_str(),
              CpuFeatureNames(features).c_str(), NumUsableCores());
  return kExitOk;
}

int EmbedImage(const EmbedImageOptions& options) {
  auto picture = LoadPicture(options.file, options.common);
  if (!picture.ok()) return Fail(picture.error());
  auto engine = OpenEngine(options.common);
  if (!engine.ok()) return Fail(engine.error());
  if (!engine.value()->config().vision.has_value())
    return Fail(Error{Code::kUnsupported, Cat("[vision] ", engine.value()->why_blind())});
  auto patches =
      PatchifyImage(picture.value().image, engine.value()->config().vision->patches, engine.value()->pixel_limits());
  if (!patches.ok()) return Fail(patches.error());
  auto rows = engine.value()->EmbedPatches(patches.value());
  if (!rows.ok()) return Fail(rows.error());
  const Patches& p = patches.value();
  const int width = engine.value()->config().width;
  if (!options.common.json) {
    std::printf("%d x %d pixels after resizing, %lld rows of %d numbers; --json prints them\n", p.resized.width,
                p.resized.height, static_cast<long long>(rows.value().num_rows), width);
    return kExitOk;
  }
  std::vector<Json> embeddings;
  for (std::int64_t row = 0; row < rows.value().num_rows; ++row) {
    std::vector<Json> values;
    values.reserve(static_cast<std::size_t>(width));
    for (int i = 0; i < width; ++i)
      values.push_back(FloatJson(rows.value().rows[static_cast<std::size_t>(row * width + i)]));
    embeddings.push_back(Json::Array(std::move(values)));
  }
  const auto number = [](std::int64_t value) { return Json::Integer(value); };
  return PrintJson(Json::Object({{"grid", Json::Array({number(p.grid_t), number(p.grid_h), number(p.grid_w)})},
                                 {"resized", Json::Array({number(p.resized.height), number(p.resized.width)})},
                                 {"tokens", number(rows.value().num_rows)},
                                 {"embeddings", Json::Array(std::move(embeddings))}}));
}

}  // namespace thimble::cli
