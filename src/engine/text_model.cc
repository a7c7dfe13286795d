// SPDX-License-Identifier: Apache-2.0
#include "engine/text_model.h"

#include "files/json.h"

namespace thimble {

namespace {

// The default one of a settings file's templates; empty where it has none.
std::string TemplateIn(const Json& json) {
  const Json* text = json.Find("chat_template");
  if (text == nullptr) return "";
  if (text->IsString()) return text->text();
  // Several, of which one is the default: [{"name": "default", "template": ...}, ...].
  for (const Json& item : text->items()) {
    const Json* item_name = item.Find("name");
    const Json* item_text = item.Find("template");
    if (item_name != nullptr && item_name->text() == "default" && item_text != nullptr && item_text->IsString())
      return item_text->text();
  }
  return "";
}

// Empty where the model brings none. A file that is there and cannot be read is an error, not another template.
Result<std::string> TemplateText(const ModelFile& file) {
  if (file.format() == ModelFile::Format::kGguf) return file.metadata().String("tokenizer.chat_template").value_or("");
  auto own = file.SideFile("chat_template.jinja");
  if (own.ok() || own.error().code == Code::kSystem) return own;
  for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
    const auto source = file.SideFile(name);
    if (!source.ok() && source.error().code == Code::kSystem) return source.error();
    if (!source.ok()) continue;
    const auto json = Json::Parse(source.value(), name);
    if (!json.ok()) continue;
    if (std::string text = TemplateIn(json.value()); !text.empty()) return text;
  }
  return std::string();
}

}  // namespace

Result<TextModel> ReadTextModel(const ModelFile& file) {
  auto tokenizer = Tokenizer::FromModelFile(file);
  if (!tokenizer.ok()) return WithPlace(tokenizer.error(), file.path());
  THIMBLE_ASSIGN_OR_RETURN(const std::string text, TemplateText(file));
  TextModel model{std::move(tokenizer).value(), ChooseTemplate(text), {}};
  if (!model.chat_template.warning.empty()) model.warnings.push_back(model.chat_template.warning);
  return model;
}

}  // namespace thimble
