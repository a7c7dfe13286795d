// SPDX-License-Identifier: Apache-2.0
#include "text/chat_template.h"

#include "base/text.h"

#include <algorithm>
#include <utility>

namespace thimble {

namespace {

// The tool preamble is data the model was trained on: not a byte may change.
constexpr std::string_view kToolsHead = "# Tools\n\nYou have access to the following functions:\n\n<tools>";
constexpr std::string_view kToolsTail =
    "\n</tools>\n\nIf you choose to call a function ONLY reply in the following format with NO suffix:\n\n<tool_call>\n"
    "<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n</"
    "parameter>\n<parameter=example_parameter_2>\n"
    "This is the value for the second parameter\nthat can span\nmultiple "
    "lines\n</parameter>\n</function>\n</tool_call>\n\n"
    "<IMPORTANT>\nReminder:\n- Function calls MUST follow the specified format: an inner <function=...></function> "
    "block must be "
    "nested within <tool_call></tool_call> XML tags\n- Required parameters MUST be specified\n- You may provide "
    "optional reasoning "
    "for your function call in natural language BEFORE the function call, but NOT after\n- If there is no function "
    "call available, "
    "answer the question like normal with your current knowledge and do not tell the user about function "
    "calls\n</IMPORTANT>";

// White space as Python's str.strip sees it.
bool IsPythonSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::size_t LeadingSpace(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const DecodedChar c = DecodeUtf8(text.substr(at));
    if (!c.is_valid || !IsPythonSpace(c.code_point)) break;
    at += static_cast<std::size_t>(c.num_bytes);
  }
  return at;
}

// Length of the text without its trailing white space.
std::size_t TrimmedLength(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0u) == 0x80u) --begin;
    const DecodedChar c = DecodeUtf8(text.substr(begin, end - begin));
    if (!c.is_valid || static_cast<std::size_t>(c.num_bytes) != end - begin || !IsPythonSpace(c.code_point)) break;
    end = begin;
  }
  return end;
}

std::string Strip(std::string_view text) {
  text = text.substr(0, TrimmedLength(text));
  return std::string(text.substr(LeadingSpace(text)));
}
std::string StripNewlinesLeft(std::string_view text) {
  const std::size_t at = text.find_first_not_of('\n');
  return at == std::string_view::npos ? "" : std::string(text.substr(at));
}

// Numbers as Python prints them after reading the JSON: floats in their shortest form, -0 as 0.
Json Normalised(const Json& json) {
  switch (json.kind()) {
    case Json::Kind::kFloat:
      return json.AsDouble().has_value() ? Json::Float(*json.AsDouble()) : json;
    case Json::Kind::kInteger:
      return json.text() == "-0" ? Json::Integer(0) : json;
    case Json::Kind::kArray: {
      std::vector<Json> items;
      for (const Json& item : json.items()) items.push_back(Normalised(item));
      return Json::Array(std::move(items));
    }
    case Json::Kind::kObject: {
      std::vector<Json::Member> members;
      for (const auto& [key, value] : json.members()) members.emplace_back(key, Normalised(value));
      return Json::Object(std::move(members));
    }
    default:
      return json;
  }
}
std::string ToJson(const Json& json) { return Normalised(json).Dump(Json::Style::kPython); }

// An argument's value: JSON for objects and lists, else as Python's str() prints it.
std::string ArgumentText(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kNull:
      return "None";
    case Json::Kind::kBool:
      return value.bool_value() ? "True" : "False";
    case Json::Kind::kString:
      return value.text();
    default:
      return ToJson(value);
  }
}

struct Slot {
  std::size_t offset;  // of the placeholder in the text
  PromptPiece::Kind kind;
};

// Text with places for pictures.
struct Content {
  std::string text;
  std::vector<Slot> slots;
  std::vector<TextRange> own;  // what is the template's, not somebody's words

  void Own(std::string_view words) {
    if (words.empty()) return;
    if (own.empty() || own.back().end != text.size()) own.push_back({text.size(), text.size()});
    text += words;
    own.back().end = text.size();
  }
  void Quote(std::string_view words) { text += words; }
  void Append(const Content& other) {
    const std::size_t at = text.size();
    for (const Slot& slot : other.slots) slots.push_back({at + slot.offset, slot.kind});
    std::size_t done = 0;
    for (const TextRange& range : other.own) {
      Quote(std::string_view(other.text).substr(done, range.begin - done));
      Own(std::string_view(other.text).substr(range.begin, range.end - range.begin));
      done = range.end;
    }
    Quote(std::string_view(other.text).substr(done));
  }

  void AddSlot(PromptPiece::Kind kind) {
    Own("<|vision_start|>");
    slots.push_back({text.size(), kind});
    Own(kind == PromptPiece::Kind::kImage ? "<|image_pad|>" : "<|video_pad|>");
    Own("<|vision_end|>");
  }
  void Trim() {
    Cut(TrimmedLength(text));
    Drop(LeadingSpace(text));
  }
  // Removes what follows the first `size` bytes. No slot stands there.
  void Cut(std::size_t size) {
    text.resize(size);
    while (!own.empty() && own.back().begin >= size) own.pop_back();
    if (!own.empty()) own.back().end = std::min(own.back().end, size);
  }
  // Removes the first `count` bytes.
  void Drop(std::size_t count) {
    text.erase(0, count);
    std::vector<Slot> kept;
    for (Slot slot : slots) {
      if (slot.offset < count) continue;
      slot.offset -= count;
      kept.push_back(slot);
    }
    slots = std::move(kept);
    std::vector<TextRange> kept_own;
    for (const TextRange& range : own) {
      if (range.end > count) kept_own.push_back({std::max(range.begin, count) - count, range.end - count});
    }
    own = std::move(kept_own);
  }
};

Error Refuse(const char* message) { return Error{Code::kInvalid, message}; }

class Renderer {
 public:
  Renderer(TemplateVariant variant, const Chat& chat) : variant_(variant), chat_(chat) {}

  Result<RenderedChat> Run() {
    const auto& messages = chat_.messages;
    if (messages.empty()) return Refuse("No messages provided.");
    THIMBLE_RETURN_IF_ERROR(System());
    THIMBLE_ASSIGN_OR_RETURN(const std::size_t last_query, LastQuery());
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const Message& message = messages[i];
      content_end_ = std::string::npos;
      if (message.role == "system") {
        if (i != 0) return Refuse("System message must be at the beginning.");
        begins_.push_back({0, 0});
        continue;
      }
      if (message.role != "tool" || i == 0 || messages[i - 1].role != "tool") begins_.push_back({i, out_.text.size()});
      THIMBLE_ASSIGN_OR_RETURN(Content content, Render(message, true));
      if (message.role == "user") {
        out_.Own("<|im_start|>user\n");
        Append(content);
        EndTurn();
      } else if (message.role == "assistant") {
        THIMBLE_RETURN_IF_ERROR(Assistant(message, std::move(content), i > last_query));
      } else if (message.role == "tool") {
        if (i == 0 || messages[i - 1].role != "tool") out_.Own("<|im_start|>user");
        out_.Own("\n<tool_response>\n");
        Append(content);
        out_.Own("\n</tool_response>");
        if (i + 1 == messages.size() || messages[i + 1].role != "tool") EndTurn();
      } else {
        return Refuse("Unexpected message role.");
      }
    }
    return Finish();
  }

 private:
  void Append(const Content& content) {
    out_.Append(content);
    content_end_ = out_.text.size();
  }
  void EndTurn() { out_.Own("<|im_end|>\n"); }

  // A message's content, stripped. Pictures are counted (and numbered) only when the message is really rendered.
  Result<Content> Render(const Message& message, bool counts) {
    if (message.has_unknown_content) return Refuse("Unexpected content type.");
    Content content;
    for (const Part& part : message.content) {
      const bool is_video = part.kind == Part::Kind::kVideo;
      switch (part.kind) {
        case Part::Kind::kText:
          content.Quote(part.text);
          break;
        case Part::Kind::kUnknown:
          return Refuse("Unexpected item type in content.");
        case Part::Kind::kImage:
        case Part::Kind::kVideo: {
          if (message.role == "system")
            return Refuse(is_video ? "System message cannot contain videos." : "System message cannot contain images.");
          int& number = is_video ? num_videos_ : num_images_;
          if (counts) ++number;
          if (chat_.options.add_vision_id) content.Own(Cat(is_video ? "Video " : "Picture ", number, ": "));
          content.AddSlot(is_video ? PromptPiece::Kind::kVideo : PromptPiece::Kind::kImage);
          break;
        }
      }
    }
    content.Trim();
    return content;
  }

  Status System() {
    const Message& first = chat_.messages.front();
    const bool has_system = first.role == "system";
    Content content;
    if (has_system) {
      THIMBLE_ASSIGN_OR_RETURN(content, Render(first, false));
    }
    if (chat_.tools.empty()) {
      if (!has_system) return Done{};
      out_.Own("<|im_start|>system\n");
      Append(content);
      EndTurn();
      return Done{};
    }
    out_.Own("<|im_start|>system\n");
    out_.Own(kToolsHead);
    for (const Json& tool : chat_.tools) {
      out_.Own("\n");
      out_.Quote(ToJson(tool));
    }
    out_.Own(kToolsTail);
    if (!content.text.empty()) {
      out_.Own("\n\n");
      Append(content);
    }
    EndTurn();
    return Done{};
  }

  // The last user message that is not only a wrapped tool result.
  Result<std::size_t> LastQuery() {
    for (std::size_t i = chat_.messages.size(); i-- > 0;) {
      if (chat_.messages[i].role != "user") continue;
      THIMBLE_ASSIGN_OR_RETURN(const Content content, Render(chat_.messages[i], false));
      if (!(content.text.starts_with("<tool_response>") && content.text.ends_with("</tool_response>"))) return i;
    }
    return Refuse("No user query found in messages.");
  }

  Status Assistant(const Message& message, Content content, bool is_after_query) {
    std::string reasoning;
    if (message.reasoning_content.has_value()) {
      reasoning = *message.reasoning_content;
    } else if (const std::size_t close = content.text.find("</think>"); close != std::string::npos) {
      reasoning = content.text.substr(0, close);
      while (!reasoning.empty() && reasoning.back() == '\n') reasoning.pop_back();
      if (const std::size_t open = reasoning.rfind("<think>"); open != std::string::npos) reasoning.erase(0, open + 7);
      reasoning = StripNewlinesLeft(reasoning);
      std::size_t keep = content.text.rfind("</think>") + 8;
      while (keep < content.text.size() && content.text[keep] == '\n') ++keep;
      content.Drop(keep);
    }
    reasoning = Strip(reasoning);
    // As a closed pair of tags, one that opens a message to be gone on with is no word of it: it goes on in its
    // thoughts.
    const bool goes_on = chat_.options.continue_final_message && &message == &chat_.messages.back();
    if (goes_on && content.text.starts_with("<think>") && content.text.find("</think>") == std::string::npos) {
      content.own.insert(content.own.begin(), {0, std::string_view("<think>").size()});
      goes_on_in_thinking_ = true;
    }
    out_.Own("<|im_start|>assistant\n");
    if (is_after_query) {
      out_.Own("<think>\n");
      out_.Quote(reasoning);
      out_.Own("\n</think>\n\n");
    }
    Append(content);
    bool is_first = true;
    for (const ToolCall& call : message.tool_calls) {
      if (!call.arguments.IsObject()) return Refuse("Can only get item pairs from a mapping.");
      if (!is_first) {
        out_.Own("\n");
      } else if (!Strip(content.text).empty()) {
        out_.Own("\n\n");
      }
      is_first = false;
      WriteCall(call);
    }
    EndTurn();
    return Done{};
  }

  void WriteCall(const ToolCall& call) {
    out_.Own("<tool_call>\n<function=");
    out_.Quote(call.name);
    out_.Own(">\n");
    for (const auto& [key, value] : call.arguments.members()) {
      out_.Own("<parameter=");
      out_.Quote(key);
      out_.Own(">\n");
      out_.Quote(ArgumentText(value));
      out_.Own("\n</parameter>\n");
    }
    out_.Own("</function>\n</tool_call>");
  }

  RenderedChat Finish() {
    RenderedChat rendered;
    rendered.message_begins = std::move(begins_);
    std::size_t boundary = std::string::npos;
    if (chat_.options.continue_final_message) {
      if (content_end_ != std::string::npos) out_.Cut(content_end_);
      rendered.ends_in_thinking = goes_on_in_thinking_;
    } else if (chat_.options.add_generation_prompt) {
      boundary = out_.text.size();
      const bool thinks = chat_.options.enable_thinking.value_or(variant_ == TemplateVariant::kLarge);
      out_.Own(thinks ? "<|im_start|>assistant\n<think>\n" : "<|im_start|>assistant\n<think>\n\n</think>\n\n");
      rendered.ends_in_thinking = thinks;
    }
    const auto add_text = [&](std::size_t begin, std::size_t end) {
      if (boundary >= begin && boundary < end) {
        rendered.generation_prompt_piece = rendered.pieces.size();
        rendered.generation_prompt_offset = boundary - begin;
      }
      if (end > begin) rendered.pieces.push_back({PromptPiece::Kind::kText, out_.text.substr(begin, end - begin), -1});
    };
    std::size_t at = 0;
    int index = 0;
    for (const Slot& slot : out_.slots) {
      add_text(at, slot.offset);
      const std::string pad = slot.kind == PromptPiece::Kind::kImage ? "<|image_pad|>" : "<|video_pad|>";
      rendered.pieces.push_back({slot.kind, pad, index++});
      at = slot.offset + pad.size();
    }
    add_text(at, out_.text.size());
    rendered.own = std::move(out_.own);
    if (boundary == std::string::npos) rendered.generation_prompt_piece = rendered.pieces.size();
    return rendered;
  }

  TemplateVariant variant_;
  const Chat& chat_;
  Content out_;
  std::vector<RenderedChat::MessageBegin> begins_;
  std::size_t content_end_ = std::string::npos;  // of the message rendered last
  bool goes_on_in_thinking_ = false;
  int num_images_ = 0;
  int num_videos_ = 0;
};

}  // namespace

std::string RenderedChat::Text() const {
  std::string text;
  for (const PromptPiece& piece : pieces) text += piece.text;
  return text;
}

Result<RenderedChat> RenderChat(TemplateVariant variant, const Chat& chat) { return Renderer(variant, chat).Run(); }

}  // namespace thimble
