// SPDX-License-Identifier: Apache-2.0
#include "cli/kept_chat.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "cli/input.h"
#include "cli/pictures.h"
#include "cli/reply_json.h"
#include "host/chat_folder.h"
#include "host/chat_id.h"
#include "host/store.h"
#include "service/chat_form.h"
#include "sys/byte_source.h"
#include "sys/folder.h"
#include "talk/window.h"
#include "text/data_url.h"

#include <algorithm>
#include <utility>

namespace thimble::cli {

using service::ChatMessage;
using service::MessageState;

namespace {

constexpr std::uint64_t kMostPictureBytes = std::uint64_t{256} << 20;

Part TextPart(std::string text) { return {Part::Kind::kText, std::move(text), ""}; }

// By its first bytes; what a browser would call it.
std::string MediaTypeOf(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG")) return "image/png";
  if (bytes.starts_with("\xff\xd8")) return "image/jpeg";
  if (bytes.starts_with("GIF8")) return "image/gif";
  if (bytes.starts_with("BM")) return "image/bmp";
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return "image/webp";
  if (bytes.substr(0, 8).ends_with("ftyp")) return "image/heic";
  return "image/x-unknown";
}

Result<std::string> BytesOfPicture(const std::string& source) {
  if (source.starts_with("data:")) return DecodeDataUrl(source);
  THIMBLE_ASSIGN_OR_RETURN(const auto bytes, ReadFile(source, kMostPictureBytes));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Keeps the picture's file, and says what a message says of it.
service::OrFault<Json> KeepPicture(const std::string& source, service::ChatStore* store) {
  const auto bytes = BytesOfPicture(source);
  if (!bytes.ok()) return bytes.error();
  THIMBLE_ASSIGN_OR_RETURN(const std::string sha256, store->PutPicture(bytes.value(), MediaTypeOf(bytes.value())));
  const std::string name = source.starts_with("data:") ? "" : ReplaceInvalidUtf8(NameOf(source));
  return Json::Object({{"sha256", Json::String(sha256)}, {"name", Json::String(name)}});
}

Json SizeJson(ImageSize size) {
  return Json::Object({{"width", Json::Integer(size.width)}, {"height", Json::Integer(size.height)}});
}

std::optional<ImageSize> SizeOf(const Json* json) {
  if (json == nullptr || json->Find("width") == nullptr || json->Find("height") == nullptr) return std::nullopt;
  const auto width = json->Find("width")->AsInt();
  const auto height = json->Find("height")->AsInt();
  constexpr std::int64_t kMost = 1 << 20;
  if (!width || !height || *width < 1 || *height < 1 || *width > kMost || *height > kMost) return std::nullopt;
  return ImageSize{static_cast<int>(*height), static_cast<int>(*width)};
}

Json FactsOf(const Reply& reply, std::size_t num_left_out) {
  const GenerateStats& stats = reply.stats;
  const auto milliseconds = [](double seconds) { return Json::Float(seconds * 1000); };
  Json facts =
      Json::Object({{"finish", Json::String(FinishReasonName(reply.finish_reason))},
                    {"usage", Json::Object({{"prompt_tokens", Json::Integer(stats.prompt_tokens)},
                                            {"completion_tokens", Json::Integer(stats.tokens)}})},
                    {"timings", Json::Object({{"cache_n", Json::Integer(stats.reused_tokens)},
                                              {"prompt_n", Json::Integer(stats.prompt_tokens - stats.reused_tokens)},
                                              {"prompt_ms", milliseconds(stats.prompt_seconds)},
                                              {"predicted_n", Json::Integer(stats.tokens)},
                                              {"predicted_ms", milliseconds(stats.seconds)}})}});
  if (num_left_out > 0) facts.Set("left_out", Json::Integer(static_cast<std::int64_t>(num_left_out)));
  std::vector<Json> calls;
  calls.reserve(reply.tool_calls.size());
  for (const ToolCall& call : reply.tool_calls) calls.push_back(ToolCallJson(call));
  if (!calls.empty()) facts.Set("tool_calls", Json::Array(std::move(calls)));
  if (facts.Dump().size() > service::kMostFactsBytes) facts.Set("tool_calls", Json::Array());
  return facts;
}

std::vector<ToolCall> CallsOf(const Json& facts) {
  std::vector<ToolCall> calls;
  const Json* list = facts.Find("tool_calls");
  if (list == nullptr) return calls;
  for (const Json& item : list->items()) {
    const Json* name = item.Find("name");
    const Json* arguments = item.Find("arguments");
    if (name != nullptr && arguments != nullptr && arguments->IsObject()) calls.push_back({name->text(), *arguments});
  }
  return calls;
}

// A message as the conversation has it; nullopt for an answer that never began.
std::optional<Message> MessageOf(const ChatMessage& kept) {
  Message message{kept.role, {}, false, {}, {}};
  if (kept.role == "assistant") {
    message.tool_calls = CallsOf(kept.facts);
    if (kept.text.empty() && kept.reasoning.empty() && message.tool_calls.empty()) return std::nullopt;
    if (!kept.reasoning.empty()) message.reasoning_content = kept.reasoning;
  }
  message.content.push_back(TextPart(kept.text));
  return message;
}

std::string Lower(std::string_view text) { return AsciiLower(Trim(text)); }

Status NoSuchChat(const std::string& which) {
  return Error{Code::kNotFound, which.empty() ? std::string("[chats] there is no chat yet to go on with")
                                              : Cat("[chats] there is no chat with the id or title ", Excerpt(which),
                                                    "; `thimble chats` lists them")};
}

}  // namespace

service::OrFault<std::vector<service::ChatHit>> AllChats(service::ChatStore* store, const std::string& search) {
  service::ChatQuery query;
  query.search = search;
  query.most = 1'000;
  std::vector<service::ChatHit> all;
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(std::vector<service::ChatHit> page, store->List(query));
    if (page.empty()) break;
    query.before = page.back().chat.updated;
    const bool is_last = page.size() < static_cast<std::size_t>(query.most);
    std::move(page.begin(), page.end(), std::back_inserter(all));
    if (is_last) break;
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.chat.updated > b.chat.updated; });
  return all;
}

KeptChat::~KeptChat() = default;

Status KeptChat::Open() {
  if (store_ != nullptr) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(store_, host::OpenChatStore(host::StoreHome()));
  return Done{};
}

void KeptChat::GiveUp(const std::string& why) {
  if (has_given_up_) return;
  has_given_up_ = true;
  sync_.reset();
  journal_.reset();
  say_(Cat("from here on this chat is not kept: ", why));
}

Status KeptChat::Resume(const std::string& which) {
  THIMBLE_RETURN_IF_ERROR(Open());
  const auto all = AllChats(store_.get(), "");
  if (!all.ok()) return host::ErrorOfStore(all.error());
  const auto& hits = all.value();
  auto found = which.empty() ? hits.begin() : std::find_if(hits.begin(), hits.end(), [&](const service::ChatHit& hit) {
    return hit.chat.id == which;
  });
  if (found == hits.end() && !which.empty()) {
    const auto has_title = [&](const service::ChatHit& hit) { return Lower(hit.chat.title) == Lower(which); };
    const auto begins_so = [&](const service::ChatHit& hit) { return Lower(hit.chat.title).starts_with(Lower(which)); };
    const bool is_exact = std::any_of(hits.begin(), hits.end(), has_title);
    const auto fits = [&](const service::ChatHit& hit) { return is_exact ? has_title(hit) : begins_so(hit); };
    if (const auto count = std::count_if(hits.begin(), hits.end(), fits); count > 1) {
      return Error{Code::kInvalid, Cat("[chats] ", count, " chats have titles like ", Excerpt(which),
                                       "; give an id, as `thimble chats` lists them")};
    }
    found = std::find_if(hits.begin(), hits.end(), fits);
  }
  if (found == hits.end()) return NoSuchChat(which);
  chat_ = found->chat;
  const auto messages = store_->Messages(chat_.id);
  if (!messages.ok()) return host::ErrorOfStore(messages.error());
  resumed_ = service::ShownBranch(messages.value(), chat_.head);
  mark_ = host::MarkChatOpen(host::StoreHome(), chat_.id);
  if (mark_ == nullptr)
    say_("this chat is open in another Thimble too: what is said there and here become branches of it");
  // Another process writes this one.
  if (!resumed_.empty() && resumed_.back().state == MessageState::kRunning) {
    say_("its last answer is being written elsewhere; what is said here becomes a branch of its own");
    resumed_.pop_back();
  }
  return Done{};
}

Status KeptChat::PutInto(const CommonOptions& common, Conversation* talk) {
  Chat chat;
  std::vector<Picture> pictures;
  if (!instructions_.empty()) chat.messages.push_back({"system", {TextPart(instructions_)}, false, {}, {}});
  std::size_t num_left_out = 0;
  const host::ChatFolder folder{host::StoreHome() + "/chats"};
  for (const ChatMessage& kept : resumed_) {
    std::optional<Message> message = MessageOf(kept);
    if (!message) continue;
    branch_.push_back({kept.id, kept.role == "user", kept.pictures});
    const Json* readings = kept.facts.Find("read");
    for (std::size_t i = 0; i < kept.pictures.items().size(); ++i) {
      const std::string path = folder.Picture(kept.pictures.items()[i].Find("sha256")->text());
      THIMBLE_ASSIGN_OR_RETURN(Picture picture, LoadPicture(path, ForConversation(common)));
      // Decided when it was read first.
      if (readings != nullptr && i < readings->items().size()) picture.read_size = SizeOf(&readings->items()[i]);
      message->content.insert(message->content.begin() + static_cast<std::ptrdiff_t>(i),
                              Part{Part::Kind::kImage, "", path});
      pictures.push_back(std::move(picture));
    }
    const Json* left_out = kept.facts.Find("left_out");
    if (kept.role == "assistant")
      num_left_out =
          left_out == nullptr ? 0 : static_cast<std::size_t>(std::max<std::int64_t>(0, left_out->AsInt().value_or(0)));
    chat.messages.push_back(*std::move(message));
  }
  resumed_.clear();
  if (!pictures.empty() && !talk->engine().can_see()) {
    return Error{talk->engine().BlindError().code, Cat("[chats] this chat has pictures: ", talk->engine().why_blind())};
  }
  talk->Load(std::move(chat), std::move(pictures));
  return talk->LeaveOut(num_left_out);
}

void KeptChat::Attach(const std::string& path, const Image& image) {
  if (!is_keeping()) return;
  if (const Status opened = Open(); !opened.ok()) return GiveUp(opened.error().message);
  auto picture = KeepPicture(path, store_.get());
  if (!picture.ok()) return GiveUp(picture.error().message);
  picture.value().Set("width", Json::Integer(image.width));
  picture.value().Set("height", Json::Integer(image.height));
  attached_.push_back(std::move(picture).value());
}

bool KeptChat::NeedChat(const std::string& text) {
  if (!is_keeping()) return false;
  if (const Status opened = Open(); !opened.ok()) {
    GiveUp(opened.error().message);
    return false;
  }
  is_new_ = chat_.id.empty();
  if (!is_new_) return true;
  const auto first = std::find_if(loaded_.begin(), loaded_.end(), [](const auto& one) { return one.role == "user"; });
  service::ChatSummary chat;
  chat.title = !own_title_.empty()      ? own_title_
               : first != loaded_.end() ? service::TitleFrom(first->text)
                                        : service::TitleFrom(ReplaceInvalidUtf8(text));
  chat.instructions = instructions_;
  chat.model = model_;
  auto made = loaded_.empty() ? store_->Create(chat) : store_->Import(chat, loaded_);
  if (!made.ok()) {
    GiveUp(made.error().message);
    return false;
  }
  chat_ = std::move(made).value();
  mark_ = host::MarkChatOpen(host::StoreHome(), chat_.id);
  for (const ChatMessage& message : loaded_) branch_.push_back({message.id, message.role == "user", message.pictures});
  loaded_.clear();
  head_before_ = chat_.head;
  return true;
}

// Who else has said something here meanwhile is told of, once.
void KeptChat::NoteHead() {
  const auto now = store_->Find(chat_.id);
  const std::string shown = branch_.empty() ? "" : branch_.back().id;
  if (!now.ok())
    return GiveUp(now.error().status == 404 ? std::string("it was deleted elsewhere") : now.error().message);
  if (now.value().head != shown && now.value().head != chat_.head)
    say_("this chat went on elsewhere meanwhile: what is said here becomes a branch of its own");
  chat_.head = now.value().head;
  head_before_ = now.value().head;
}

void KeptChat::BeginAsk(const std::string& text) {
  first_added_.clear();
  takes_attached_ = true;
  if (!NeedChat(text)) return;
  NoteHead();
  branch_before_ = branch_;
  BeginQuestion(text, Json::Array(attached_));
}

void KeptChat::BeginEdit(int number, const std::string& text) {
  first_added_.clear();
  takes_attached_ = false;
  if ((branch_.empty() && loaded_.empty()) || !NeedChat(text)) return;  // there is nothing to edit
  NoteHead();
  branch_before_ = branch_;
  int count = 0;
  const auto question = std::find_if(branch_.begin(), branch_.end(),
                                     [&](const Entry& entry) { return entry.is_question && ++count == number; });
  if (question == branch_.end()) return;
  const Json pictures = question->pictures;
  branch_.erase(question, branch_.end());
  BeginQuestion(text, pictures);
}

void KeptChat::BeginAgain() {
  first_added_.clear();
  takes_attached_ = false;
  if ((branch_.empty() && loaded_.empty()) || !NeedChat("")) return;
  NoteHead();
  branch_before_ = branch_;
  if (!branch_.back().is_question) branch_.pop_back();
  BeginReply();
}

void KeptChat::BeginQuestion(const std::string& text, Json pictures) {
  if (!is_keeping()) return;
  ChatMessage question;
  question.id = host::NewChatId();
  question.parent = branch_.empty() ? "" : branch_.back().id;
  question.role = "user";
  question.text = ReplaceInvalidUtf8(text);
  question.pictures = pictures;
  if (const auto added = store_->Add(chat_.id, question); !added.ok()) return GiveUp(added.error().message);
  first_added_ = question.id;
  branch_.push_back({question.id, true, std::move(pictures)});
  BeginReply();
}

void KeptChat::BeginReply() {
  if (!is_keeping()) return;
  came_text_.clear();
  came_reasoning_.clear();
  ChatMessage reply;
  reply.id = host::NewChatId();
  reply.parent = branch_.empty() ? "" : branch_.back().id;
  reply.role = "assistant";
  reply.model = model_;
  reply.state = MessageState::kRunning;
  if (const auto added = store_->Add(chat_.id, reply); !added.ok()) return GiveUp(added.error().message);
  if (first_added_.empty()) first_added_ = reply.id;
  branch_.push_back({reply.id, false, Json::Array()});
  auto journal = store_->Begin(chat_.id, reply.id);
  if (!journal.ok()) return GiveUp(journal.error().message);
  journal_ = std::move(journal).value();
  sync_ = std::make_unique<SyncLoop>(journal_.get());
}

void KeptChat::Piece(const ReplyEvent& event) {
  if (journal_ == nullptr) return;
  if (event.kind == ReplyEvent::Kind::kThinking) {
    journal_->Append(event.text, "");
    came_reasoning_ += event.text;
  }
  if (event.kind == ReplyEvent::Kind::kContent) {
    journal_->Append("", event.text);
    came_text_ += event.text;
  }
}

void KeptChat::End(const Result<Answer>& answer, const Conversation& talk) {
  sync_.reset();
  if (journal_ == nullptr) return;
  const bool is_kept = answer.ok() && answer.value().is_kept;
  if (is_kept) {
    if (takes_attached_) attached_.clear();
    KeepReply(answer.value().reply, talk);
  } else {
    (void)journal_->Finish(MessageState::kStopped, model_, Json());
    TakeBack();
  }
  journal_.reset();
}

void KeptChat::KeepReply(const Reply& reply, const Conversation& talk) {
  const bool is_stopped = reply.finish_reason == FinishReason::kCancelled;
  const auto finished = journal_->Finish(is_stopped ? MessageState::kStopped : MessageState::kDone, model_,
                                         FactsOf(reply, talk.num_left_out()));
  if (!finished.ok()) return GiveUp(finished.error().message);
  // What came in pieces is what the conversation has, but for what only looked like a call.
  if (came_text_ != reply.text || came_reasoning_ != reply.thinking) {
    service::MessageChange change;
    change.text = ReplaceInvalidUtf8(reply.text);
    change.reasoning = ReplaceInvalidUtf8(reply.thinking);
    (void)store_->ChangeMessage(chat_.id, branch_.back().id, change);
  }
  chat_.head = branch_.back().id;
  KeepReadings(reply);
}

// How the question's pictures were read, so that they are read so again.
void KeptChat::KeepReadings(const Reply& reply) {
  if (branch_.size() < 2) return;
  Entry& question = branch_[branch_.size() - 2];
  const std::size_t count = question.pictures.items().size();
  if (count == 0 || reply.pictures.size() < count) return;
  std::vector<Json> sizes;
  for (std::size_t i = 0; i < count; ++i) {
    const PictureReading& reading = reply.pictures[reply.pictures.size() - count + i];
    sizes.push_back(SizeJson(reading.read));
    question.pictures.items()[i].Set("tokens", Json::Integer(reading.tokens));
    question.pictures.items()[i].Set("detail", Json::String(DetailName(reading.detail)));
  }
  service::MessageChange change;
  change.pictures = question.pictures;
  change.facts = Json::Object({{"read", Json::Array(std::move(sizes))}});
  (void)store_->ChangeMessage(chat_.id, question.id, change);
}

// As the conversation does: question and answer are gone, what was shown before is shown again.
void KeptChat::TakeBack() {
  if (is_new_ && branch_before_.empty()) {
    (void)store_->Delete(chat_.id);
    mark_.reset();
    chat_ = {};
  } else {
    if (!first_added_.empty()) (void)store_->DeleteMessage(chat_.id, first_added_);
    service::ChatChange change;
    change.head = head_before_;
    (void)store_->Change(chat_.id, change);
    chat_.head = head_before_;
  }
  branch_ = branch_before_;
}

void KeptChat::BeginNew() {
  chat_ = {};
  own_title_.clear();
  mark_.reset();
  branch_.clear();
  loaded_.clear();
  attached_.clear();
  has_given_up_ = false;
}

void KeptChat::BeginLoaded(const Conversation& talk) {
  BeginNew();
  if (!is_kept_) return;
  if (const Status opened = Open(); !opened.ok()) return GiveUp(opened.error().message);
  instructions_.clear();
  for (const Message& message : talk.messages()) {
    std::string text;
    Json pictures = Json::Array();
    for (const Part& part : message.content) {
      if (part.kind == Part::Kind::kText) text += part.text;
      if (part.kind == Part::Kind::kVideo) return GiveUp("it has a video");
      if (part.kind != Part::Kind::kImage) continue;
      auto picture = KeepPicture(part.source, store_.get());
      if (!picture.ok()) return GiveUp(picture.error().message);
      pictures.items().push_back(std::move(picture).value());
    }
    text = ReplaceInvalidUtf8(text);
    if (message.role == "system") {
      instructions_ += text;
      continue;
    }
    if (message.role != "user" && message.role != "assistant") return GiveUp("it has results of tools");
    ChatMessage kept;
    kept.id = host::NewChatId();
    kept.parent = loaded_.empty() ? "" : loaded_.back().id;
    kept.role = message.role;
    kept.text = std::move(text);
    kept.reasoning = ReplaceInvalidUtf8(message.reasoning_content.value_or(""));
    kept.pictures = std::move(pictures);
    loaded_.push_back(std::move(kept));
  }
}

void KeptChat::SetTitle(const std::string& title) {
  own_title_ = ReplaceInvalidUtf8(title);
  if (!is_keeping() || chat_.id.empty()) return;
  service::ChatChange change;
  change.title = own_title_;
  const auto changed = store_->Change(chat_.id, change);
  if (!changed.ok()) return say_(changed.error().message);
  chat_.title = own_title_;
}

}  // namespace thimble::cli
