// SPDX-License-Identifier: Apache-2.0
#include "engine/text_model.h"

#include "files/json.h"

namespace thimble {

namespace {

std::string TemplateText(const ModelFile& file) {
  if (file.format() == ModelFile::Format::kGguf) return file.metadata().String("tokenizer.chat_template").value_or("");
  if (auto text = file.SideFile("chat_template.jinja"); text.ok()) return text.value();
  for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
    const auto source = file.SideFile(name);
    if (!source.ok()) continue;
    const auto json = Json::Parse(source.value(), name);
    if (!json.ok()) continue;
    const Json* text = json.value().Find("chat_template");
    if (text == nullptr) continue;
    if (text->IsString()) return text->text();
    // Several, of which one is the default: [{"name": "default", "template": ...}, ...].
    for (const Json& item : text->items()) {
      const Json* item_name = item.Find("name");
      const Json* item_text = item.Find("template");
      if (item_name != nullptr && item_name->text() == "default" && item_text != nullptr && item_text->IsString())
        return item_text->text();
    }
  }
  return "";
}

}  // namespace

Result<TextModel> ReadTextModel(const ModelFile& file) {
  auto tokenizer = Tokenizer::FromModelFile(file);
  if (!tokenizer.ok()) return WithPlace(tokenizer.error(), file.path());
  TextModel model{std::move(tokenizer).value(), ChooseTemplate(TemplateText(file)), {}};
  if (!model.chat_template.warning.empty()) model.warnings.push_back(model.chat_template.warning);
  return model;
}

}  // namespace thimble
