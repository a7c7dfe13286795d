// SPDX-License-Identifier: Apache-2.0
#include "common/body_check.h"

#include "base/text.h"
#include "service/error_form.h"

namespace thimble::common {

std::optional<service::WholeAnswer> CheckBody(const std::string& path, const BodySize& body, std::uint64_t free) {
  if (body.bytes > body.most) {
    return service::MakeError(
        path, {413, "", "", "", Cat("This body has at most ", body.most, " bytes, found ", body.bytes, ".")});
  }
  const std::uint64_t needed = 2 * body.bytes;
  if (!body.is_kept || free == 0 || needed <= free) return std::nullopt;
  return service::MakeError(
      path, {503, "", "out_of_memory", "",
             Cat("This request takes ", FormatBytes(needed), " of memory, and ", FormatBytes(free), " are free.")});
}

std::optional<service::WholeAnswer> GivePiece(const std::string& path, service::BodyReceiver* receiver,
                                              std::span<const std::uint8_t> piece) {
  const Status taken = receiver->Take(piece);
  if (taken.ok()) return std::nullopt;
  service::Fault fault = service::FaultOf(taken.error());
  if (const int status = receiver->FailureStatus(); status != 0) fault.status = status;
  return service::MakeError(path, fault);
}

}  // namespace thimble::common
