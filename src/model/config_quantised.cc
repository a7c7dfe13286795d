// SPDX-License-Identifier: Apache-2.0
// Settings of a Hugging Face folder that say its weights are not what their names suggest: quantised, or meant to be
// changed by an adapter.
#include "base/text.h"
#include "model/config_limits.h"

#include <array>
#include <string>
#include <string_view>

namespace thimble {

namespace {

constexpr std::string_view kWayOut = ", which is not read: use the GGUF or the unquantised folder";

Error Quantised(std::string_view method) {
  return Error{Code::kUnsupported, Cat("[config] quantised with ", EscapeControls(method.substr(0, 60)), kWayOut)};
}

std::string TextAt(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr ? "" : value->AsString().value_or("");
}

bool IsSomething(const Json* json) { return json != nullptr && json->IsObject() && !json->members().empty(); }

// MLX's own description: group_size and bits for all matrices, and under the name of one what it has instead. Sizes are
// told by the tensors; what counts is that scale times code plus bias is meant.
Status CheckMlx(const Json& quantisation) {
  const auto check = [](const Json& json) -> Status {
    const std::string mode = TextAt(json, "mode");
    if (mode.empty() || mode == "affine") return Done{};
    return Quantised(Cat("mlx (", mode, ")"));
  };
  THIMBLE_RETURN_IF_ERROR(check(quantisation));
  for (const auto& [name, value] : quantisation.members()) {
    if (value.IsObject()) THIMBLE_RETURN_IF_ERROR(check(value));
  }
  return Done{};
}

// A method's name with what tells its forms apart.
std::string MethodOf(const Json& json) {
  std::string method = TextAt(json, "quant_method");
  for (const char* key : {"format", "quant_algo", "quant_type"}) {
    const std::string form = TextAt(json, key);
    if (form.empty() || form == method) continue;
    return method.empty() ? form : Cat(method, " (", form, ")");
  }
  return method;
}

Status CheckDescription(const Json& json) {
  const std::string method = MethodOf(json);
  if (method == "none") return Done{};
  if (method == "mlx") return CheckMlx(json);
  if (!method.empty()) return Quantised(method);
  if (json.Find("bits") != nullptr && json.Find("group_size") != nullptr) return CheckMlx(json);
  for (const char* key : {"load_in_4bit", "load_in_8bit", "_load_in_4bit", "_load_in_8bit"}) {
    const Json* flag = json.Find(key);
    if (flag != nullptr && flag->AsBool().value_or(false)) return Quantised("bitsandbytes");
  }
  return Quantised("a method that the settings do not name");
}

// Files that quantisers put beside config.json, and what they are when they do not say so themselves.
struct SideFile {
  const char* name;
  const char* method;
};
constexpr std::array<SideFile, 3> kSideFiles = {
    {{"hf_quant_config.json", "modelopt"}, {"quantize_config.json", "gptq"}, {"quant_config.json", "awq"}}};

Status CheckSideFile(const ModelFile& file, const SideFile& side) {
  const auto source = file.SideFile(side.name);
  if (!source.ok() && source.error().code == Code::kSystem) return source.error();
  if (!source.ok()) return Done{};
  const auto json = Json::Parse(source.value(), side.name);
  if (!json.ok() || !json.value().IsObject()) return Quantised(side.method);
  const Json* inner = json.value().Find("quantization");
  const Json& told = IsSomething(inner) ? *inner : json.value();
  const std::string method = MethodOf(told);
  // ModelOpt writes the file for models that it left alone too, with null in place of an algorithm.
  if (method.empty() && IsSomething(inner) && inner->Find("quant_algo") != nullptr) return Done{};
  return Quantised(method.empty()                         ? side.method
                   : told.Find("quant_method") != nullptr ? method
                                                          : Cat(side.method, " (", method, ")"));
}

}  // namespace

Status CheckQuantisation(const ModelFile& file, const Json& root, const Json& text) {
  for (const Json* json : {&root, &text, root.Find("vision_config")}) {
    if (json == nullptr) continue;
    for (const char* key : {"quantization_config", "compression_config"}) {
      const Json* described = json->Find(key);
      if (IsSomething(described)) THIMBLE_RETURN_IF_ERROR(CheckDescription(*described));
    }
    const Json* mlx = json->Find("quantization");
    if (!IsSomething(mlx)) continue;
    THIMBLE_RETURN_IF_ERROR(TextAt(*mlx, "quant_method").empty() && TextAt(*mlx, "quant_algo").empty()
                                ? CheckMlx(*mlx)
                                : CheckDescription(*mlx));
  }
  for (const SideFile& side : kSideFiles) THIMBLE_RETURN_IF_ERROR(CheckSideFile(file, side));
  return Done{};
}

Status CheckAdapter(const ModelFile& file, std::vector<std::string>* warnings) {
  const auto adapter = file.SideFile("adapter_config.json");
  if (!adapter.ok() && adapter.error().code == Code::kSystem) return adapter.error();
  if (!adapter.ok()) return Done{};
  if (!file.SideFile("config.json").ok()) {
    return Error{
        Code::kUnsupported,
        "[config] the folder holds an adapter (adapter_config.json) and no model: merge it into its model first"};
  }
  Warn(warnings, "the folder holds an adapter (adapter_config.json) beside the model, which is not applied");
  return Done{};
}

}  // namespace thimble
