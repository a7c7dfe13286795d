// SPDX-License-Identifier: Apache-2.0
// Pictures from where people and clients keep them: paths, file URLs, data URLs, folders of a video's frames.
#pragma once

#include "base/result.h"
#include "engine/session.h"
#include "image/decode.h"

#include <string>
#include <string_view>

namespace thimble::host {

// A picture from a path, a file URL, a base64 data URL, or base64 alone. Errors: kNotFound, kUnsupported (addresses on
// the network, unknown formats), kInvalid, and those of DecodeImage.
Result<Picture> LoadPicture(const std::string& source, const DecodeOptions& how);
// A picture from the bytes of its file; messages name them by `place`.
Result<Picture> PictureFromBytes(std::string_view bytes, const std::string& place, const DecodeOptions& how);

// A video from the pictures in `folder`, in the order of their names (2 before 10). `fps` 0: 24, what the reference
// assumes. Two frames a second are taken unless all are asked for. Errors: kNotFound where there are none, kInvalid for
// frames of different sizes, kExhausted.
Result<Picture> LoadFrames(const std::string& folder, double fps, bool all_frames, const DecodeOptions& how);

// Whether a file of that name is a picture by its ending.
bool HasPictureEnding(std::string_view path);

// A path as shells and terminals spell it: "~/" is the home folder, file URLs are decoded.
std::string ExpandPath(std::string_view text);

}  // namespace thimble::host
