// SPDX-License-Identifier: Apache-2.0
// KeptReplies: replies that are written into messages of the ChatStore while they come, whoever reads them meanwhile.
#pragma once

#include "service/answer_writer.h"
#include "service/chat_store.h"
#include "sys/mutex.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble::service {

// One of them.
class KeptReply {
 public:
  KeptReply(std::string chat, std::string message, std::string model, std::function<double()> clock,
            std::function<void()> wake)
      : chat_(std::move(chat)),
        message_(std::move(message)),
        model_(std::move(model)),
        clock_(std::move(clock)),
        wake_(std::move(wake)),
        began_(clock_()) {}

  [[nodiscard]] const std::string& chat() const { return chat_; }
  [[nodiscard]] const std::string& message() const { return message_; }

  // What came of it: by whoever writes the answer.
  void Append(std::string_view reasoning, std::string_view text);
  // It is over. `facts` gets how long the first word took beside what it says; at most 64 KiB. Only the first one
  // counts.
  void End(MessageState state, Json facts);

  // On Help's thread.
  OrFault<Done> Begin(ChatStore* store);
  void Sync();
  // Writes the end, where it is known. False: it could not be written.
  bool Finish();
  [[nodiscard]] bool has_end() const;

 private:
  struct Ending {
    MessageState state = MessageState::kDone;
    Json facts;
  };
  const std::string chat_, message_, model_;
  const std::function<double()> clock_;
  const std::function<void()> wake_;
  const double began_;
  std::unique_ptr<ReplyJournal> journal_;  // from Begin, which comes before the first word, to Finish
  mutable Mutex mutex_;
  std::optional<double> first_word_ THIMBLE_GUARDED_BY(mutex_);  // seconds after began_
  std::optional<Ending> ending_ THIMBLE_GUARDED_BY(mutex_);
};

// A writer that does what `writer` does, and tells `reply` of it.
std::unique_ptr<AnswerWriter> NewKeepingWriter(std::unique_ptr<AnswerWriter> writer, std::shared_ptr<KeptReply> reply);

class KeptReplies {
 public:
  // `store` may be nullptr: then nothing is kept. `clock`: seconds. `wake`: there is something for Tend.
  KeptReplies(ChatStore* store, std::function<double()> clock, std::function<void()> wake)
      : store_(store), clock_(std::move(clock)), wake_(std::move(wake)) {}

  // A message of this chat waits for its reply. Any thread.
  void Expect(const std::string& chat, const std::string& message);
  // A reply for that message; nullptr: none waits for one. Any thread.
  std::shared_ptr<KeptReply> NewReply(const std::string& message, const std::string& model);

  // The rest on Help's thread. Begin: from now on the reply is written.
  OrFault<Done> Begin(const std::shared_ptr<KeptReply>& reply);
  // Writes ends, and once a second what came to the disk.
  void Tend();
  // Messages of this chat whose replies are on their way.
  [[nodiscard]] std::vector<std::string> OfChat(const std::string& chat) const;
  // Nobody writes answers any more: those that are not over end as stopped.
  void Close();

  // In so many seconds there is something for Tend. Any thread.
  [[nodiscard]] double Due() const;

 private:
  struct Running {
    std::shared_ptr<KeptReply> reply;
    int num_tries = 0;  // of writing its end
  };
  ChatStore* const store_;
  const std::function<double()> clock_;
  const std::function<void()> wake_;
  double tended_at_ = 0;  // Help's alone
  mutable Mutex mutex_;
  std::deque<std::pair<std::string, std::string>> expected_ THIMBLE_GUARDED_BY(mutex_);  // message, chat
  std::vector<Running> running_ THIMBLE_GUARDED_BY(mutex_);
};

}  // namespace thimble::service
