// SPDX-License-Identifier: Apache-2.0
#include "host/chat_store.h"

namespace thimble::host {

Error ErrorOfStore(const service::Fault& fault) {
  Error error{Code::kSystem, fault.message};
  if (fault.status == 404) error.code = Code::kNotFound;
  if (fault.status == 400 || fault.status == 413) error.code = Code::kInvalid;
  if (fault.status == 409) error.code = Code::kUnsupported;
  if (fault.status == 507) error.code = Code::kExhausted;
  if (fault.code == "store_damaged") error.code = Code::kCorrupt;
  return error;
}

}  // namespace thimble::host
