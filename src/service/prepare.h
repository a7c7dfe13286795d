// SPDX-License-Identifier: Apache-2.0
// What has to be known of a request before its turn comes: its pictures, its prompt, whether it fits, what its answer
// must be. Slow work that needs a model's vocabulary, but none of its weights.
#pragma once

#include "service/carrier_parts.h"
#include "service/chat_store.h"
#include "service/job.h"
#include "service/or_fault.h"
#include "service/picture_shelf.h"

#include <memory>

namespace thimble::service {

// What a decoder says of a picture, for clients: 415 where there is no codec for it, 413 where it is too large.
Fault PictureFault(const Error& error);

// Where a request's pictures come from.
struct PictureSources {
  PictureDecoder* decoder = nullptr;
  PictureShelf* shelf = nullptr;
  ChatStore* store = nullptr;  // nullptr: there is none
};

// Decodes the pictures of the request's conversation: data URLs and base64, "thimble:ID" from the shelf, or, where that
// is the SHA-256 of a file, from the store; nothing else is a picture here. On Help's thread. 400 that names the
// picture, 415 where the carrier has no codec for it.
OrFault<Done> TakePictures(const PictureSources& from, GenerateRequest* request);

// The fault of a request with so many tokens: 400 with both numbers.
Fault DoesNotFit(std::int64_t tokens, std::int64_t context);

// A conversation that is instructions and nothing else, as some clients send it: these are what is asked. Templates
// want a user's word.
void AskByInstructions(GenerateRequest* request);

// Builds the prompt for this model, leaving out what no longer fits where the client wants that. 400 with
// context_length_exceeded and both numbers, and what is wrong with the request.
// `filter_for` may be empty.
OrFault<Done> PrepareFor(const std::shared_ptr<LiveModel>& model, const FilterMaker& filter_for, Job* job);

}  // namespace thimble::service
