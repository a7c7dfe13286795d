// SPDX-License-Identifier: Apache-2.0
// thimble tokenize, detokenize and render: the text half of a model; no weights are needed.
#include "base/text.h"
#include "cli/input.h"
#include "cli/model_name.h"
#include "cli/options.h"
#include "cli/reply_json.h"
#include "cli/terminal.h"
#include "host/find_model.h"
#include "sys/machine.h"

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iostream>

namespace thimble::cli {

namespace {

Result<TextModel> OpenText(const CommonOptions& options) {
  THIMBLE_ASSIGN_OR_RETURN(const std::string path, ResolveModel(options.model));
  const double begin = MonotonicSeconds();
  auto text = host::OpenTextModel(path);
  if (text.ok() && options.verbose) {
    Say(Cat(path, ": ", text.value().tokenizer.num_tokens(), " tokens, read in ", Fixed(MonotonicSeconds() - begin, 2),
            " s"));
  }
  return text;
}

// What a command without --jsonl works on: its argument, or all of standard input, byte by byte.
Result<std::string> InputOf(const TokenizeOptions& options) {
  if (options.has_text && options.text != "-") return options.text;
  return ReadStandardInput();
}

// Answers every line of standard input by one line, at once; the first line that is no JSON object ends it.
int ForJsonLines(const std::function<Result<Json>(const Json&)>& answer) {
  std::string line;
  for (int number = 1; std::getline(std::cin, line); ++number) {
    if (number == 1) {
      // A mark that an editor of Windows left; lines of UTF-16 cannot be told apart by their ends.
      if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
      if (line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff"))
        return Fail(
            Error{Code::kInvalid, "[jsonl] UTF-8 is needed, found UTF-16; convert it: iconv -f UTF-16 -t UTF-8"});
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto json = Json::Parse(line, Cat("line ", number));
    if (!json.ok()) return Fail(Error{Code::kInvalid, json.error().message});
    if (!json.value().IsObject())
      return Fail(Error{Code::kInvalid, Cat("[jsonl] line ", number, " must be a JSON object")});
    auto out = answer(json.value());
    if (!out.ok()) return Fail(WithPlace(out.error(), Cat("line ", number)));
    if (const int status = PrintJson(out.value()); status != kExitOk) return status;
  }
  return kExitOk;
}

bool Flag(const Json& json, std::string_view key, bool fallback) {
  const Json* value = json.Find(key);
  return value == nullptr ? fallback : value->AsBool().value_or(fallback);
}

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    hex.push_back("0123456789abcdef"[static_cast<unsigned char>(c) >> 4]);
    hex.push_back("0123456789abcdef"[static_cast<unsigned char>(c) & 15u]);
  }
  return hex;
}

}  // namespace

int Tokenize(const TokenizeOptions& options) {
  auto text = OpenText(options.common);
  if (!text.ok()) return Fail(text.error());
  const Tokenizer& tokenizer = text.value().tokenizer;
  if (options.jsonl) {
    return ForJsonLines([&](const Json& json) -> Result<Json> {
      const Json* input = json.Find("text");
      if (input == nullptr || !input->IsString()) return Error{Code::kInvalid, "[tokenize] \"text\" must be a string"};
      const AddedTokens added = Flag(json, "special", true) ? AddedTokens::kRecognise : AddedTokens::kPlainText;
      return Json::Object({{"ids", IdsJson(tokenizer.Encode(input->text(), added))}});
    });
  }
  auto input = InputOf(options);
  if (!input.ok()) return Fail(input.error());
  for (const std::int32_t id :
       tokenizer.Encode(input.value(), options.plain ? AddedTokens::kPlainText : AddedTokens::kRecognise)) {
    std::printf("%6d  %s\n", id, QuoteBytes(tokenizer.TokenBytes(id)).c_str());
  }
  if (options.has_text) WarnUnreadInput("without TEXT it is read");
  return kExitOk;
}

int Detokenize(const TokenizeOptions& options) {
  auto text = OpenText(options.common);
  if (!text.ok()) return Fail(text.error());
  const Tokenizer& tokenizer = text.value().tokenizer;
  if (options.jsonl) {
    return ForJsonLines([&](const Json& json) -> Result<Json> {
      const Json* list = json.Find("ids");
      if (list == nullptr || !list->IsArray())
        return Error{Code::kInvalid, "[detokenize] \"ids\" must be a list of numbers"};
      std::vector<std::int32_t> ids;
      for (const Json& item : list->items()) {
        const auto id = item.AsInt();
        if (!id.has_value() || *id < 0 || *id > INT32_MAX)
          return Error{Code::kInvalid, "[detokenize] \"ids\" must be a list of numbers"};
        ids.push_back(static_cast<std::int32_t>(*id));
      }
      return Json::Object({{"bytes_hex", Json::String(Hex(tokenizer.Decode(ids, Flag(json, "skip_special", false))))}});
    });
  }
  auto input = InputOf(options);
  if (!input.ok()) return Fail(input.error());
  auto digits = TextFromOutside(std::move(input).value(), "standard input", NulBytes::kRefuse);
  if (!digits.ok()) return Fail(digits.error());
  auto ids = ParseIds(digits.value());
  if (!ids.ok()) return Fail(ids.error());
  // Into a pipe go the bytes themselves.
  const std::string bytes = tokenizer.Decode(ids.value(), options.plain);
  if (!Write(isatty(STDOUT_FILENO) != 0 ? EscapeControls(bytes) + "\n" : bytes))
    return Fail(Error{Code::kSystem, "[output] standard output could not be written"});
  if (options.has_text) WarnUnreadInput("without IDS it is read");
  return kExitOk;
}

int RenderLines(const TokenizeOptions& options) {
  auto text = OpenText(options.common);
  if (!text.ok()) return Fail(text.error());
  for (const std::string& warning : text.value().warnings) Warn(warning);
  return ForJsonLines([&](const Json& json) -> Result<Json> {
    auto chat = ParseChat(json, ArgumentStrings::kKeep);
    auto rendered =
        chat.ok() ? RenderChat(text.value().chat_template.variant, chat.value()) : Result<RenderedChat>(chat.error());
    if (!rendered.ok())
      return Json::Object({{"error", Json::Object({{"message", Json::String(rendered.error().message)}})}});
    return Json::Object({{"rendered", Json::String(rendered.value().Text())}});
  });
}

}  // namespace thimble::cli
