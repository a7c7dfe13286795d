// SPDX-License-Identifier: Apache-2.0
// What the decoders make of pictures, for tests that compare them with a browser's (apps/web/tests/browser).
//   decoded_pixels FILE...    writes FILE.rgb: width and height in four bytes each, the lowest first, then R, G, B from
//   the top
// Transparent pixels have white under them, as in conversations. A file that is refused is told of, and the status
// is 1.

#include "image/decode.h"

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <ios>
#include <string>

namespace {

void WriteU32(std::ofstream* file, int value) {
  for (int shift = 0; shift < 32; shift += 8) file->put(static_cast<char>(static_cast<std::uint32_t>(value) >> shift));
}

bool Write(const std::string& path) {
  thimble::DecodeOptions how;
  how.alpha = thimble::Alpha::kWhite;
  const auto image = thimble::DecodeImageFile(path, how);
  if (!image.ok()) {
    std::fprintf(stderr, "decoded_pixels: %s\n", image.error().message.c_str());
    return false;
  }
  std::ofstream file(path + ".rgb", std::ios::binary);
  WriteU32(&file, image.value().width);
  WriteU32(&file, image.value().height);
  const auto& rgb = image.value().rgb;
  file.write(reinterpret_cast<const char*>(rgb.data()), static_cast<std::streamsize>(rgb.size()));
  file.close();
  if (!file) std::fprintf(stderr, "decoded_pixels: %s.rgb cannot be written\n", path.c_str());
  return static_cast<bool>(file);
}

}  // namespace

int main(int argc, char** argv) {
  bool all_written = argc > 1;
  for (int i = 1; i < argc; ++i) all_written = Write(argv[i]) && all_written;
  return all_written ? 0 : 1;
}
