// SPDX-License-Identifier: Apache-2.0
// Carrier: the service between a page's worker and its storage. One thread calls everything, between messages.
#pragma once

#include "common/bmp_decoder.h"
#include "common/model_shelf.h"
#include "common/model_store.h"
#include "common/storage.h"
#include "service/service.h"
#include "wasm/page_messages.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace thimble::browser {

using AnswerId = std::uint64_t;

enum class LogLevel { kNote = 0, kWarning = 1, kError = 2 };

// Whom the module speaks to.
class Page {
 public:
  virtual ~Page() = default;
  virtual void Begin(AnswerId id, int status, const std::string& headers) = 0;
  virtual void Part(AnswerId id, std::string_view bytes) = 0;
  virtual void End(AnswerId id) = 0;
  virtual void Log(LogLevel level, std::string_view text) = 0;
  virtual std::string NewId() = 0;  // 24 letters and digits that nobody can guess
};

// The module's memory.
struct MemoryGauge {
  std::function<std::uint64_t()> free;         // bytes that can still be taken; 0: unknown
  std::function<std::uint64_t()> resident;     // bytes that were ever taken
  std::function<void(std::uint64_t)> reserve;  // makes so much free at once; may be empty
};

class Carrier {
 public:
  // What is given by pointer must outlive it.
  Carrier(const StartConfig& config, common::Storage* storage, Page* page, MemoryGauge memory);
  ~Carrier();
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // The answer goes to the page under the id that this returns; it may be there before.
  AnswerId Submit(std::string_view head, std::string_view body);
  // The page hears no more of it.
  void Cancel(AnswerId id);
  // Some 50 ms of the engine's work, and of what needs none. True: there is more at once, of either.
  bool Pump();
  bool Help();
  // Seconds until Pump or Help want to be called though nothing happens; 0: at once.
  [[nodiscard]] double Due() const;

 private:
  class Sink;
  struct Asked {
    service::RequestId request = 0;
    std::shared_ptr<Sink> sink;
  };

  [[nodiscard]] service::ServiceOptions OptionsOf(const StartConfig& config);
  void Answer(AnswerId id, const service::WholeAnswer& answer);
  // Feeds the body to who takes it in pieces. The answer where that fails.
  std::optional<service::WholeAnswer> TakeBody(std::string_view body, service::Request* request,
                                               std::unique_ptr<service::BodyReceiver>* receiver);

  Page* const page_;
  const MemoryGauge memory_;
  const Json about_page_;
  common::StoredModelStore store_;
  common::StoredModelShelf shelf_;
  common::BmpDecoder decoder_;
  bool wants_pump_ = true;
  bool wants_help_ = true;
  std::unordered_map<AnswerId, Asked> asked_;
  AnswerId last_id_ = 0;
  service::Service service_;
};

}  // namespace thimble::browser
