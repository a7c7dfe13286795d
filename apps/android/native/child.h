// SPDX-License-Identifier: Apache-2.0
// Child: the service between the app's lines and the app's folders. Four threads: who calls Run reads lines; one works
// for the engine, one does what needs none, one writes.
#pragma once

#include "android/native/folder_storage.h"
#include "android/native/frame_reader.h"
#include "android/native/frame_writer.h"
#include "android/native/lines.h"
#include "android/native/pace.h"
#include "base/thread_annotations.h"
#include "common/bmp_decoder.h"
#include "common/model_shelf.h"
#include "common/model_store.h"
#include "host/pack_files.h"
#include "service/service.h"
#include "sys/mutex.h"
#include "sys/worker.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace thimble::android {

class Child {
 public:
  // Opens what the app named, and makes the built-in model ready. `storage` (the models') and `out` must outlive it.
  Child(StartLine start, common::Storage* storage, FrameWriter* out);
  // Answers that are on their way end as cancelled.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Takes lines until the app says stop, or ends. kCorrupt where a frame is broken.
  Status Run(FrameReader* in);

 private:
  class Sink;
  // A request whose body is still coming.
  struct Incoming {
    service::Request request;
    std::unique_ptr<service::BodyReceiver> receiver;
    std::uint64_t most_bytes = 0;
    std::uint64_t num_bytes = 0;
    bool is_refused = false;  // it has its answer; what comes is dropped
  };
  struct Asked {
    service::RequestId request = 0;
    std::shared_ptr<Sink> sink;
  };

  [[nodiscard]] service::ServiceOptions OptionsOf();
  [[nodiscard]] EngineOptions EngineFor() const;
  [[nodiscard]] std::uint64_t FreeMemory() const;
  void OpenChats();
  // The engine's thread: a step, as far as the pace allows; and when the next one is due.
  bool Work();
  [[nodiscard]] double WorkDue() const;
  // One line and what follows it. True: it was the last.
  Result<bool> Take(ReadLine line, FrameReader* in);
  Status TakeRequest(RequestLine line, std::optional<std::uint64_t> bytes, FrameReader* in);
  Status TakeBody(const BodyLine& line, std::optional<std::uint64_t> bytes, FrameReader* in);
  void TakePiece(AnswerId id, Incoming* incoming, std::span<const std::uint8_t> piece);
  void Refuse(AnswerId id, Incoming* incoming, const service::WholeAnswer& answer);
  // What a body in memory may not have: nullopt, or the refusal.
  [[nodiscard]] std::optional<service::WholeAnswer> CheckBody(const Incoming& incoming, std::uint64_t more) const;
  void Submit(AnswerId id, Incoming incoming);
  void Cancel(AnswerId id);
  void Answer(AnswerId id, const service::WholeAnswer& answer);
  [[nodiscard]] bool IsKnown(AnswerId id);
  void CheckSelf(AnswerId id);

  const StartLine start_;
  FrameWriter* const out_;
  const int threads_;
  Pace pace_;
  const std::shared_ptr<const host::WatchedPacks> packs_;  // of vision files; nullptr: they have no folder
  std::unique_ptr<service::ChatStore> chats_;
  std::string why_no_chats_;
  common::StoredModelStore store_;
  common::StoredModelShelf shelf_;
  common::BmpDecoder decoder_;
  bool rests_ = false;  // the engine's thread, between two steps
  Worker engine_;
  Worker helper_;
  std::map<AnswerId, Incoming> incoming_;  // the reading thread's
  Mutex mutex_;
  std::unordered_map<AnswerId, Asked> asked_ THIMBLE_GUARDED_BY(mutex_);
  std::optional<AnswerId> self_check_ THIMBLE_GUARDED_BY(mutex_);  // that was asked for and is not begun
  std::unique_ptr<service::Service> service_;
};

// The whole program: the first line starts it. The exit status.
int RunChild(FrameReader* in, FrameWriter* out);

}  // namespace thimble::android
