// SPDX-License-Identifier: Apache-2.0
#include "host/find_vision.h"

#include "base/half.h"
#include "base/text.h"
#include "host/model_folder.h"
#include "host/open_model_file.h"
#include "sys/folder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace thimble::host {

namespace {

// ---- by name ----

// "models/mmproj-qwen3.5-0.8b-f16.gguf" -> "qwen3.5-0.8b-f16"
std::string StemOf(const std::string& path) {
  std::string stem = AsciiLower(NameOf(path));
  stem.resize(std::min(stem.rfind('.'), stem.size()));
  for (const char* part : {"mmproj-", "-mmproj", "mmproj_", "_mmproj", ".mmproj", "mmproj"}) {
    if (const std::size_t at = stem.find(part); at != std::string::npos) {
      stem.erase(at, std::string(part).size());
      break;
    }
  }
  return stem;
}

bool LooksLikeType(const std::string& word) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool is_quantised = word.size() > 1 && word[0] == 'q' && is_digit(word[1]);
  return is_quantised || word.starts_with("iq") || word == "bf16" || word == "f16" || word == "f32" || word == "fp16" ||
         word == "fp32" || word == "ud" || word == "i1";
}

// The stem without what looks like a storage type or the number of a part: "qwen3.5-0.8b-ud-q4_k_xl" -> "qwen3.5-0.8b".
std::string WithoutType(std::string stem) {
  constexpr std::string_view kPart = "-00001-of-00001";
  if (stem.size() > kPart.size() && stem.substr(stem.size() - kPart.size() + 6, 4) == "-of-")
    stem.resize(stem.size() - kPart.size());
  while (true) {
    const std::size_t at = stem.find_last_of("-.");
    if (at == std::string::npos || !LooksLikeType(stem.substr(at + 1))) return stem;
    stem.resize(at);
  }
}

// ---- by content ----

bool SameValue(const Metadata::Value& a, const Metadata::Value& b) {
  return a.kind == b.kind && a.integer == b.integer && a.number == b.number && a.text == b.text && a.ints == b.ints &&
         a.floats == b.floats && a.strings == b.strings;
}

// Keys that say how a file was made or stored, not what it holds.
bool IsDescription(const std::string& key) {
  return key.starts_with("general.") || key.starts_with("quantize.") || key.starts_with("split.");
}

bool HasKeysOf(const Metadata& a, const Metadata& b) {
  return std::all_of(b.values().begin(), b.values().end(), [&](const auto& entry) {
    if (IsDescription(entry.first)) return true;
    const Metadata::Value* value = a.Find(entry.first);
    return value != nullptr && SameValue(*value, entry.second);
  });
}

constexpr std::size_t kSampled = 32;  // numbers: a block of Q8_0

// The numbers [first, first + kSampled) of a tensor (fewer at its end), `first` a multiple of kSampled; nullopt for
// types that take more than a line to read.
std::optional<std::vector<float>> Sample(const ModelFile& file, const TensorEntry& tensor, std::size_t first) {
  constexpr std::size_t kBlockBytes = 34;  // of Q8_0
  const bool is_q8 = tensor.dtype == DType::kQ8_0;
  if (!is_q8 && tensor.dtype != DType::kF32 && tensor.dtype != DType::kF16 && tensor.dtype != DType::kBF16)
    return std::nullopt;
  const auto count = std::min<std::size_t>(kSampled, static_cast<std::size_t>(tensor.num_elements()) - first);
  const std::size_t number_bytes = tensor.dtype == DType::kF32 ? 4 : 2;
  const auto view = is_q8 ? file.ViewPart(tensor, first / kSampled * kBlockBytes, kBlockBytes)
                          : file.ViewPart(tensor, first * number_bytes, count * number_bytes);
  if (!view.ok()) return std::nullopt;
  const std::span<const std::byte> bytes = view.value().span();
  std::vector<float> numbers(count);
  const auto half_at = [&](std::size_t at) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + at, sizeof bits);
    return bits;
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (tensor.dtype == DType::kF32) {
      std::memcpy(&numbers[i], bytes.data() + i * sizeof(float), sizeof(float));
    } else if (tensor.dtype == DType::kF16) {
      numbers[i] = F16ToF32(half_at(i * 2));
    } else if (tensor.dtype == DType::kBF16) {
      numbers[i] = BF16ToF32(half_at(i * 2));
    } else {
      numbers[i] = F16ToF32(half_at(0)) * static_cast<float>(static_cast<std::int8_t>(bytes[2 + i]));
    }
  }
  return numbers;
}

// Equal but for rounding to 8 bits.
bool AreAlike(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max({largest, std::fabs(a[i]), std::fabs(b[i])});
  for (std::size_t i = 0; i < a.size(); ++i) {
    // Not-a-number is like nothing.
    if (!(std::fabs(a[i] - b[i]) <= largest / 64)) return false;
  }
  return true;
}

bool HoldSameNumbers(const ModelFile& a, const TensorEntry& in_a, const ModelFile& b, const TensorEntry& in_b) {
  const auto count = static_cast<std::size_t>(in_a.num_elements());
  if (count == 0) return true;
  for (const std::size_t first : {std::size_t{0}, (count - 1) / kSampled * kSampled}) {
    const auto left = Sample(a, in_a, first);
    const auto right = Sample(b, in_b, first);
    if (left.has_value() && right.has_value() && !AreAlike(*left, *right)) return false;
  }
  return true;
}

// How most of the matrices are stored.
DType StorageOf(const ModelFile& file) {
  std::map<DType, int> counts;
  for (const TensorEntry& tensor : file.tensors()) {
    if (tensor.shape.size() == 2) ++counts[tensor.dtype];
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? DType::kF32 : most->first;
}

// The smaller, the better: exact for what was trained, then small, then large, then coarse.
int RankOf(DType storage) {
  constexpr std::array kOrder = {DType::kF16, DType::kBF16, DType::kQ8_0, DType::kF32};
  return static_cast<int>(std::find(kOrder.begin(), kOrder.end(), storage) - kOrder.begin());
}

// ---- choosing ----

struct Candidate {
  std::string path;
  std::shared_ptr<const ModelFile> file;
};

using Candidates = std::vector<Candidate>;

bool AreOneTower(const Candidates& candidates) {
  return std::all_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
    return HoldSameTower(*candidates.front().file, *candidate.file);
  });
}

// Those of the best storage.
Candidates BestStored(const Candidates& candidates) {
  int best = RankOf(StorageOf(*candidates.front().file));
  for (const Candidate& candidate : candidates) best = std::min(best, RankOf(StorageOf(*candidate.file)));
  Candidates kept;
  for (const Candidate& candidate : candidates) {
    if (RankOf(StorageOf(*candidate.file)) == best) kept.push_back(candidate);
  }
  return kept;
}

// Those whose name goes with the model's: the same, else the same but for the storage type. Empty when none does.
Candidates NamedLike(const std::string& model, const Candidates& candidates) {
  const std::string stem = StemOf(model);
  Candidates same;
  Candidates kin;
  for (const Candidate& candidate : candidates) {
    const std::string other = StemOf(candidate.path);
    if (other == stem) same.push_back(candidate);
    if (WithoutType(other) == WithoutType(stem)) kin.push_back(candidate);
  }
  return same.empty() ? kin : same;
}

std::string StorageNames(const Candidates& candidates) {
  std::string names;
  for (const Candidate& candidate : candidates)
    names += Cat(names.empty() ? "" : ", ", TraitsOf(StorageOf(*candidate.file)).name);
  return names;
}

// One of several that all fit, into `found`.
void ChooseAmong(const std::string& model, const Candidates& fitting, FoundVisionFile* found) {
  const auto take = [&](const Candidate& candidate, std::string why) {
    found->file = candidate.file;
    found->choice.path = candidate.path;
    found->choice.why = std::move(why);
  };
  Candidates left = fitting;
  // Different towers: names must decide which.
  if (!AreOneTower(left)) left = NamedLike(model, left);
  if (left.size() == 1) {
    take(left[0], Cat("of ", fitting.size(), " vision files that fit, the one whose name goes with the model's"));
    return;
  }
  if (!left.empty() && AreOneTower(left)) {
    const Candidates best = BestStored(left);
    if (best.size() == 1) {
      take(best[0], Cat("of ", left.size(), " vision files that differ in storage only (", StorageNames(left), "), ",
                        TraitsOf(StorageOf(*best[0].file)).name, " is taken"));
      found->choice.is_guess = true;
      return;
    }
    if (const Candidates named = NamedLike(model, best); named.size() == 1) {
      take(named[0], Cat("of ", fitting.size(), " vision files that fit, the one whose name goes with the model's"));
      return;
    }
  }
  found->choice.why =
      Cat(fitting.size(), " vision files beside the model fit it: name one with --mmproj; no pictures until then");
}

// Paths of the vision files in the model's folder, sorted.
std::vector<std::string> VisionFilesBeside(const ModelFile& text, const std::string& folder) {
  constexpr std::size_t kMostLabels = 128;  // headers read
  constexpr std::size_t kMostFiles = 64;
  std::vector<std::string> paths;
  const auto names = NamesInFolder(folder);
  if (!names.ok()) return paths;  // a model given as an open file may lie where we cannot look
  std::size_t num_labels = 0;
  std::set<std::string> seen;  // where links lead, so that a file and a link to it are one
  for (const std::string& name : names.value()) {
    const bool is_model = std::any_of(text.shard_paths().begin(), text.shard_paths().end(),
                                      [&](const std::string& shard) { return NameOf(shard) == name; });
    if (is_model || !IsNamedLike(name, ".gguf")) continue;
    std::string path = Cat(folder, "/", name);
    if (KindOfPath(path) == PathKind::kFolder) continue;
    const bool can_look = KindOfPath(path) == PathKind::kFile && ++num_labels <= kMostLabels;
    if (!IsVisionFile(path, can_look ? LabelOfFile(path) : GgufLabel{})) continue;
    const std::string target = LinkTarget(path);
    if (!seen.insert(target.empty() ? name : target).second) continue;
    paths.push_back(std::move(path));
    if (paths.size() == kMostFiles) break;
  }
  return paths;
}

}  // namespace

bool HoldSameTower(const ModelFile& a, const ModelFile& b) {
  constexpr std::size_t kMostSampled = 64;  // tensors: samples of a large file cost a page each
  if (a.tensors().size() != b.tensors().size()) return false;
  if (!HasKeysOf(a.metadata(), b.metadata()) || !HasKeysOf(b.metadata(), a.metadata())) return false;
  std::size_t index = 0;
  const std::size_t step = std::max<std::size_t>(a.tensors().size() / kMostSampled, 1);
  for (const TensorEntry& tensor : a.tensors()) {
    const TensorEntry* other = b.Find(tensor.name);
    if (other == nullptr || other->shape != tensor.shape) return false;
    if (index++ % step == 0 && !HoldSameNumbers(a, tensor, b, *other)) return false;
  }
  return true;
}

FoundVisionFile FindVisionFile(const ModelFile& text, int width, const std::function<Status(const ModelFile&)>& check) {
  FoundVisionFile found;
  VisionChoice& choice = found.choice;
  choice.why = "no vision file (mmproj) was found beside the model";
  if (text.format() != ModelFile::Format::kGguf || text.shard_paths().empty()) return found;
  const std::string& model = text.shard_paths().front();
  const std::vector<std::string> paths = VisionFilesBeside(text, FolderOf(model));
  Candidates fitting;
  std::string unreadable;  // what is wrong with the first that cannot be read, and that does not fit
  std::string unfit;
  for (const std::string& path : paths) {
    auto file = OpenModelFile(path);
    if (!file.ok()) {
      if (unreadable.empty()) unreadable = file.error().message;
      continue;
    }
    if (file.value().metadata().Int("clip.vision.projection_dim").value_or(0) != width) continue;
    auto shared = std::make_shared<const ModelFile>(std::move(file).value());
    if (const Status status = check(*shared); status.ok()) {
      fitting.push_back({path, std::move(shared)});
    } else if (unfit.empty()) {
      unfit = status.error().message;
    }
  }
  if (fitting.size() == 1) {
    found.file = fitting[0].file;
    choice.path = fitting[0].path;
    choice.why = paths.size() == 1 ? "the only vision file beside the model"
                                   : Cat("the only one of ", paths.size(), " vision files beside the model that fits");
  } else if (fitting.size() > 1) {
    ChooseAmong(model, fitting, &found);
  } else if (!unfit.empty()) {
    choice.why = Cat("no pictures, the vision file beside the model does not fit: ", unfit);
  } else if (!unreadable.empty()) {
    choice.why = Cat("no pictures, the vision file beside the model cannot be read: ", unreadable);
  } else if (!paths.empty()) {
    choice.why = Cat(paths.size() == 1 ? std::string("the vision file beside the model does not give")
                                       : Cat("none of the ", paths.size(), " vision files beside the model gives"),
                     " rows of ", width, " numbers, as this model needs: no pictures");
  }
  if (found.file != nullptr && !unreadable.empty()) choice.why += Cat("; another cannot be read: ", unreadable);
  choice.is_refusal = found.file == nullptr && !paths.empty();
  for (const std::string& path : paths) {
    if (path != choice.path) choice.others.push_back(path);
  }
  return found;
}

}  // namespace thimble::host
