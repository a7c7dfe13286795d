// SPDX-License-Identifier: Apache-2.0
// Session: one conversation over an Engine: what it remembers, and Generate, which reads a request and streams a reply.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "engine/picture.h"
#include "engine/request.h"
#include "sampling/logprobs.h"
#include "text/reply_parser.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace thimble {

enum class FinishReason { kStop, kLength, kContext, kCancelled };
const char* FinishReasonName(FinishReason reason);  // "stop", "length", "context", "cancelled"

struct Prompt;

struct GenerateStats {
  double load_seconds = 0;
  int prompt_tokens = 0;       // of the whole prompt
  int reused_tokens = 0;       // of them, remembered from before
  double prompt_seconds = 0;   // reading what was new, pictures included
  double picture_seconds = 0;  // of them, encoding pictures
  int pictures_encoded = 0;    // pictures not remembered from before
  int tokens = 0;              // generated
  int thinking_tokens = 0;     // of them, reasoning
  double seconds = 0;          // generating them
  double first_token_seconds = 0;
  double cpu_seconds = 0;  // of all threads; of passes that several shared, the share of this reply's rows
  std::uint64_t seed = 0;
  std::uint64_t peak_rss_bytes = 0;
  bool think_closed_by_budget = false;
  bool think_closed_by_loop = false;
  // Of a conversation, what was left out before this reply because it no longer fitted (talk/conversation.h).
  int dropped_messages = 0;
  std::int64_t dropped_tokens = 0;
};

struct Reply {
  std::vector<std::int32_t> prompt_ids;
  std::vector<std::int32_t> ids;
  std::string thinking;
  std::string text;
  std::vector<ToolCall> tool_calls;
  std::vector<PictureReading> pictures;  // of the request's pictures, in their order
  FinishReason finish_reason = FinishReason::kStop;
  std::string stop_string;  // the request's one that ended the reply; empty: none did
  GenerateStats stats;
};

struct Event {
  enum class Kind { kPictures, kPromptProgress, kToken, kReply, kWarning } kind = Kind::kReply;
  std::span<const PictureReading> pictures;  // kPictures: how they will be read, before anything is
  double share = 0;                          // kPromptProgress: of the work done, 0 to 1
  int prompt_tokens = 0;                     // kPromptProgress: of the prompt
  int known_tokens = 0;                      // kPromptProgress: of them, remembered from before
  int read_tokens = 0;                       // kPromptProgress: of them, read so far, with those known
  // kToken: a token became part of the reply, with what the model thought of it; what it says follows, at once or with
  // later ones. Where GenerateRequest::top_logprobs asks for it.
  TokenChoice token;
  ReplyEvent reply;  // kReply
  std::string text;  // kWarning
};
// Called on the generating thread while it holds nothing of the engine: other sessions, and Engine::EmbedPatches, may
// be used in it (the session itself may not). Returning false stops the reply (finish reason cancelled).
using Sink = std::function<bool(const Event&)>;

class Session {
 public:
  // Lengths that a session can go back to, beside the one it has.
  static constexpr int kMaxCheckpoints = 3;

  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Reads what of the prompt is new (a shared beginning with what this session holds is not read again, a picture seen
  // before is not encoded again), then writes the reply. Errors leave the session usable as it was; a cancelled or
  // failed reply too. kInvalid while this session writes another reply; kExhausted when memory runs out.
  Result<Reply> Generate(const GenerateRequest& request, const Sink& sink);

  // Logits of a prompt from a fresh state: `on_row(index, logits[V])` for the last position or for all. For `logits`
  // and `perplexity`. Returns the number of tokens. `on_row` is called while the session has the engine: it must not
  // wait for other sessions.
  Result<int> Evaluate(const GenerateRequest& request, LogitRows rows,
                       const std::function<bool(int index, std::span<const float> logits)>& on_row);

  // Stops the running Generate between two tasks of its threads, in the middle of a pass (one that it shares with other
  // sessions runs to its end, a token) and while it waits for its turn; where none runs, the next one. From any thread
  // or signal handler.
  void Cancel() { is_cancelled_.store(true, std::memory_order_relaxed); }
  // Takes back a Cancel that no Generate has met. While one runs, nothing.
  void ForgetCancel();
  // Forgets the conversation. Not while a reply is being written.
  void Clear();
  [[nodiscard]] int length() const;  // tokens held
  // Tokens of the prompt that this session remembers itself, which Generate would not read again. Not while a reply is
  // being written.
  [[nodiscard]] std::int64_t Remembers(const Prompt& prompt) const;
  // Tokens of the conversation up to its last answer: what a next question can count on. 0: it holds none.
  [[nodiscard]] std::int64_t question_length() const;

 private:
  friend class Engine;
  friend class SessionInspector;  // of the tests
  friend class Generation;
  friend class Reading;
  friend class Writing;
  struct Memory;
  Result<int> EvaluateRows(const GenerateRequest& request, LogitRows rows,
                           const std::function<bool(int index, std::span<const float> logits)>& on_row);
  Session();
  std::atomic<bool> is_cancelled_{false};
  std::unique_ptr<Memory> memory_;
};

}  // namespace thimble
