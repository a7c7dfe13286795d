// SPDX-License-Identifier: Apache-2.0
// Pictures as text: data URLs and plain base64, as clients of web servers send them.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace thimble {

bool IsDataUrl(std::string_view text);
// The bytes of "data:image/png;base64,..."; kInvalid for other forms.
Result<std::string> DecodeDataUrl(std::string_view url);

// Base64 (or its form for URLs), with spaces and line ends anywhere and any number of '=' behind it. kInvalid for other
// characters.
Result<std::string> DecodeBase64(std::string_view text);
// Base64 without the beginning of a data URL, as many clients send pictures: nothing but its letters, and the first
// bytes of a picture, or longer than any path.
bool LooksLikeBase64Picture(std::string_view text);

// "%2B" -> "+"; a percent sign without two digits behind it stays.
std::string DecodePercent(std::string_view text);

}  // namespace thimble
