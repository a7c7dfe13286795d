// SPDX-License-Identifier: Apache-2.0
// Service: requests in, streams of parts out, the same for every carrier. It has no threads: whatever is slow waits for
// Pump (what the engine does) or Help (what needs none).
#pragma once

#include "service/carrier_parts.h"
#include "service/chat_store.h"
#include "service/desk.h"
#include "service/exchange.h"
#include "service/help_queue.h"
#include "service/kept_answers.h"
#include "service/kept_replies.h"
#include "service/or_fault.h"
#include "service/page_files.h"
#include "service/picture_shelf.h"
#include "service/routes.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace thimble::service {

struct ServiceOptions {
  DeskOptions desk;
  std::string version;                                 // "0.5.0"
  std::function<std::int64_t()> now;                   // seconds since 1970
  std::function<std::string()> new_id;                 // 24 letters and digits that nobody can guess
  std::function<Json()> about_carrier;                 // an object: what info tells beside the service's own
  std::function<std::uint64_t()> resident_bytes;       // of this process; may be empty
  std::function<std::uint64_t()> free_bytes;           // that this process can still take; empty: what the system says
  ModelStore* store = nullptr;                         // nullptr: models cannot be sent or deleted here
  ChatStore* chats = nullptr;                          // nullptr: conversations are not kept here
  std::string why_no_chats;                            // then: the sentence that says why; empty: an ordinary one
  const PageFiles* page = nullptr;                     // nullptr: there is no page here
  std::function<std::uint64_t()> pack_bytes;           // that packs of models take; may be empty
  std::function<Status()> delete_packs;                // those that no open model uses; empty: there are none here
  std::size_t picture_bytes = std::size_t{256} << 20;  // of pictures' pixels that a page has handed over
  KeptLimits kept;                                     // of answers that go on without their readers
  // Is shown each request for an answer, and may ask for less: thinking, the detail of pictures. May be empty.
  std::function<void(GenerateRequest*)> temper;
  std::function<double()> clock;  // seconds since some time; empty: the system's
};

class Service : public Handler {
 public:
  // What is given must outlive it.
  Service(ServiceOptions options, ModelShelf* shelf, PictureDecoder* decoder, Wakers wakers);

  BodyRule Expect(const Request& head) override;
  RequestId Submit(Request request, std::unique_ptr<BodyReceiver> received, std::shared_ptr<AnswerSink> sink) override;
  void Cancel(RequestId id) override;

  // One unit of engine work; by one thread. True: there is more at once, else in PumpDue() seconds or at the waker's
  // call. The first one opens the model.
  bool Pump() { return desk_.Pump(); }
  [[nodiscard]] double PumpDue() const { return desk_.PumpDue(); }
  // One piece of slow work without the engine; by any thread, one at a time. True: there is more.
  bool Help();
  // Else it is to be called in so many seconds, or when woken.
  [[nodiscard]] double HelpDue() const;
  // Nobody calls Pump and Help any more: replies on their way are finished as they are.
  void Close();

  [[nodiscard]] DeskState State() const { return desk_.State(); }

 private:
  // One request on its way to its answer.
  struct Visit {
    RequestId id = 0;
    Request request;
    const Route* route = nullptr;
    std::vector<std::string> names;
    std::shared_ptr<AnswerSink> sink;
    std::unique_ptr<ModelUpload> upload;
  };
  using Visitor = std::shared_ptr<Visit>;

  void Handle(const Visitor& visit);
  [[nodiscard]] bool IsOfPage(const Request& request) const;
  void HandlePage(const Visit& visit, const RouteMatch& match);
  void HandleBody(const Visitor& visit);
  void Ask(const Visitor& visit, const Json& body);
  void Prepare(const std::shared_ptr<Job>& job);
  OrFault<WholeAnswer> AnswerWithModel(const Visit& visit, const Json& body);
  OrFault<WholeAnswer> AnswerNow(const Visit& visit);
  OrFault<WholeAnswer> PutPicture(const Visit& visit);
  OrFault<WholeAnswer> PicturePrice(const Visit& visit);
  OrFault<std::unique_ptr<ModelUpload>> BeginUpload(const Request& head, const std::vector<std::string>& names,
                                                    std::uint64_t* num_bytes) const;
  BodyRule ExpectModelFile(const Request& head, const std::vector<std::string>& names) const;
  void PutModelFile(const Visitor& visit);
  void FinishUpload(const Visitor& visit);
  OrFault<WholeAnswer> ModelFile(const Visit& visit) const;
  OrFault<WholeAnswer> DeleteModel(const Visit& visit);
  OrFault<WholeAnswer> Model(const Visit& visit, const std::string& name);
  WholeAnswer Models(const Visit& visit);
  WholeAnswer StoreModels();
  [[nodiscard]] std::uint64_t FreeBytes() const;
  OrFault<WholeAnswer> OpenModel(const Visit& visit);
  OrFault<WholeAnswer> UnloadModel(const Visit& visit);
  static bool IsOfChats(RouteKind kind);
  OrFault<WholeAnswer> AnswerChats(const Visit& visit);
  OrFault<WholeAnswer> ChatsRoute(const Visit& visit);
  OrFault<WholeAnswer> NewChat(const Visit& visit);
  OrFault<WholeAnswer> DeleteChat(const std::string& id);
  OrFault<WholeAnswer> AddMessage(const Visit& visit);
  OrFault<WholeAnswer> ChangeMessage(const Visit& visit);
  OrFault<WholeAnswer> SpaceOf();
  OrFault<WholeAnswer> DeletePacks();
  OrFault<Done> Keep(const Visit& visit, const std::string& name, const std::shared_ptr<Job>& job);
  void ReadKept(const Visit& visit);
  OrFault<WholeAnswer> StopKept(const std::string& name);
  void TendKept();
  WholeAnswer Health();
  WholeAnswer Info();
  OrFault<WholeAnswer> PropsOf();
  WholeAnswer SlotsOf();
  WholeAnswer MetricsOf();
  OrFault<std::shared_ptr<LiveModel>> NeedModel() const;
  void Answer(const Visit& visit, const OrFault<WholeAnswer>& answer);
  void Count(int status);

  const ServiceOptions options_;
  const std::int64_t began_;  // seconds since 1970: when its models came to be, for clients
  ModelShelf* const shelf_;
  PictureDecoder* const decoder_;
  PictureShelf pictures_;
  HelpQueue help_;
  KeptAnswers kept_;
  KeptReplies replies_;
  Desk desk_;
  std::atomic<RequestId> next_id_{1};
  std::atomic<std::uint64_t> num_requests_{0}, num_refused_{0}, num_turned_away_{0}, num_failed_{0};
};

}  // namespace thimble::service
