// SPDX-License-Identifier: Apache-2.0
// Service: models that are sent into the store, file by file, and deleted.
#include "base/no_memory.h"
#include "base/text.h"
#include "service/request_body.h"
#include "service/service.h"
#include "service/upload_head.h"

#include <span>
#include <utility>

namespace thimble::service {

namespace {

Fault NoStore() { return Fault{501, "", "", "", "Models cannot be sent or deleted here."}; }

// The body of a request that has nothing to say: none, or an object.
OrFault<Done> CheckNothingSaid(const std::string& body) {
  if (!body.empty()) THIMBLE_RETURN_IF_ERROR(ParseBody(body));
  return Done{};
}

WholeAnswer OutcomeAnswer(const std::string& model, const PieceOutcome& outcome) {
  Json json = FileJson(outcome.file);
  json.Set("name", Json::String(model));
  json.Set("model", Json::Bool(outcome.is_model));
  if (!outcome.missing.empty()) json.Set("missing", Json::String(outcome.missing));
  return JsonAnswer(json.Dump());
}

}  // namespace

OrFault<std::unique_ptr<ModelUpload>> Service::BeginUpload(const Request& head, const std::vector<std::string>& names,
                                                           std::uint64_t* num_bytes) const {
  if (options_.store == nullptr) return NoStore();
  THIMBLE_ASSIGN_OR_RETURN(ModelPiece piece,
                           ReadUploadHead(head, FindRoute(head.method, head.path).route->most_body_bytes));
  piece.model = names[0];
  piece.file = names[1];
  *num_bytes = piece.end - piece.begin;
  return options_.store->Begin(piece);
}

BodyRule Service::ExpectModelFile(const Request& head, const std::vector<std::string>& names) const {
  BodyRule rule;
  auto upload = BeginUpload(head, names, &rule.most_bytes);
  if (upload.ok()) {
    rule.receiver = std::move(upload).value();
    return rule;
  }
  rule.refusal = MakeError(head.path, upload.error());
  if (upload.error().status == 416) {
    const auto there = options_.store->Find(names[0], names[1]);
    rule.refusal->headers.push_back({"x-thimble-bytes", Cat(there.ok() ? there.value().bytes : 0)});
  }
  return rule;
}

void Service::PutModelFile(const Visitor& visit) {
  if (visit->upload == nullptr) {  // a carrier that brings the body as a whole
    std::uint64_t num_bytes = 0;
    auto upload = BeginUpload(visit->request, visit->names, &num_bytes);
    if (!upload.ok()) {
      Answer(*visit, upload.error());
      return;
    }
    visit->upload = std::move(upload).value();
    const std::string body = std::move(visit->request.body);
    const Status taken = visit->upload->Take({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()});
    if (!taken.ok()) {
      Fault fault = FaultOf(taken.error());
      if (const int status = visit->upload->FailureStatus(); status != 0) fault.status = status;
      visit->upload.reset();
      Answer(*visit, fault);
      return;
    }
  }
  help_.Add([this, visit] { FinishUpload(visit); });
}

// Piece by piece, so that others' slow work does not wait for gigabytes to be hashed.
void Service::FinishUpload(const Visitor& visit) {
  OrFault<std::optional<PieceOutcome>> outcome = std::optional<PieceOutcome>();
  const Status memory = ExhaustedIfNoMemory([&]() -> Status {
    outcome = visit->upload->Finish();
    return Done{};
  });
  if (!memory.ok()) outcome = OrFault<std::optional<PieceOutcome>>(memory.error());
  if (outcome.ok() && !outcome.value().has_value()) {
    help_.Add([this, visit] { FinishUpload(visit); });
    return;
  }
  visit->upload.reset();  // before the client hears of it, who may go on at once
  if (!outcome.ok()) {
    Answer(*visit, outcome.error());
  } else {
    Answer(*visit, OutcomeAnswer(visit->names[0], *outcome.value()));
  }
}

OrFault<WholeAnswer> Service::ModelFile(const Visit& visit) const {
  if (options_.store == nullptr) return NoStore();
  THIMBLE_ASSIGN_OR_RETURN(const ModelFileState state, options_.store->Find(visit.names[0], visit.names[1]));
  return JsonAnswer(FileJson(state).Dump());
}

OrFault<WholeAnswer> Service::OpenModel(const Visit& visit) {
  THIMBLE_RETURN_IF_ERROR(CheckNothingSaid(visit.request.body));
  if (auto fault = desk_.Switch(visit.names[0]); fault.has_value()) return *fault;
  return JsonAnswer("{}", 202);
}

OrFault<WholeAnswer> Service::UnloadModel(const Visit& visit) {
  THIMBLE_RETURN_IF_ERROR(CheckNothingSaid(visit.request.body));
  if (auto fault = desk_.Unload(); fault.has_value()) return *fault;
  return WholeAnswer{204, {}, ""};
}

OrFault<WholeAnswer> Service::DeletePacks() {
  if (!options_.delete_packs) return Fault{501, "", "no_packs", "", "Models are not prepared for later starts here."};
  const Status deleted = options_.delete_packs();
  if (!deleted.ok()) return FaultOf(deleted.error());
  return WholeAnswer{204, {}, ""};
}

OrFault<WholeAnswer> Service::DeleteModel(const Visit& visit) {
  if (options_.store == nullptr) return NoStore();
  const std::string& name = visit.names[0];
  if (!desk_.Forget(name))
    return Fault{409, "", "model_open", "", Cat("The model ", name, " is the one that answers here.")};
  for (const ShelfModel& model : shelf_->List()) {
    if (model.name == name && model.is_builtin)
      return Fault{409, "", "model_built_in", "", "The built-in model stays with the program."};
  }
  THIMBLE_RETURN_IF_ERROR(options_.store->Delete(name));
  const Json json = Json::Object({{"name", Json::String(name)}, {"deleted", Json::Bool(true)}});
  return JsonAnswer(json.Dump());
}

}  // namespace thimble::service
