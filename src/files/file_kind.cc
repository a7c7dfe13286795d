// SPDX-License-Identifier: Apache-2.0
#include "files/file_kind.h"

#include "base/text.h"
#include "files/json.h"
#include "files/tensor_table.h"
#include "files/whole_pack.h"
#include "sys/folder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace thimble {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGiveModel = "give a GGUF file, or a folder with safetensors";
constexpr std::string_view kUnpack = "unpack it, and give the .gguf file or the folder that was in it";
constexpr std::string_view kConvert =
    "use the model's GGUF file, or its folder with safetensors; this form is not read";
constexpr std::string_view kOld =
    "use a GGUF file of Qwen 3.5 (0.8B, 2B, 4B, 9B); this form, of before August 2023, is not read";
constexpr std::string_view kFetchFile =
    "fetch the file itself (on Hugging Face by the download button, or /resolve/ for /blob/ in the address; some "
    "models "
    "ask for a login first)";
constexpr std::string_view kFetchAgain = "a truncated download? Wait for it to end, or fetch it again";
constexpr std::string_view kPicture = "a picture goes beside the model";
constexpr std::string_view kAdapterAdvice =
    "use a model that it was merged into (it changes another model, and is not read by itself)";
constexpr std::string_view kLlamafile =
    "it runs by itself; for Thimble take the .gguf file out of it (unzip), or download that";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// ---- by the first bytes ----

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view what;
  std::string_view advice;
};

// The first that matches counts.
constexpr std::array kSignatures = {
    Signature{0, "\x1f\x8b"sv, "a gzip archive", kUnpack},
    Signature{0,
              "\xfd"
              "7zXZ\0"sv,
              "an xz archive", kUnpack},
    Signature{0, "\x28\xb5\x2f\xfd"sv, "a zstd archive", kUnpack},
    Signature{1, "\x2a\x4d\x18"sv, "a zstd archive", kUnpack},
    Signature{4, "1AY&SY"sv, "a bzip2 archive", kUnpack},
    Signature{0, "\x04\x22\x4d\x18"sv, "an lz4 archive", kUnpack},
    Signature{0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive", kUnpack},
    Signature{0, "Rar!\x1a\x07"sv, "a rar archive", kUnpack},
    Signature{0, "LZIP\x01"sv, "an lzip archive", kUnpack},
    Signature{0, "\x1f\x9d"sv, "a compressed file", kUnpack},
    Signature{0, "MSCF\0\0\0\0"sv, "a cabinet archive", kUnpack},
    Signature{257, "ustar"sv, "a tar archive", kUnpack},
    // Models of other programs.
    Signature{0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv, "a PyTorch checkpoint", kConvert},
    Signature{0, "lmgg"sv, "an old ggml model", kOld},
    Signature{0, "fmgg"sv, "an old ggml model (ggmf)", kOld},
    Signature{0, "tjgg"sv, "an old ggml model (ggjt)", kOld},
    Signature{0, "ggml"sv, "an old ggml model", kOld},
    Signature{0, "ggmf"sv, "an old ggml model (ggmf)", kOld},
    Signature{0, "ggjt"sv, "an old ggml model (ggjt)", kOld},
    Signature{0, "algg"sv, "an old ggml adapter (LoRA, ggla)", kAdapterAdvice},
    Signature{0, "ggla"sv, "an old ggml adapter (LoRA, ggla)", kAdapterAdvice},
    Signature{0, "nsgg"sv, "a session that llama.cpp saved", kGiveModel},
    Signature{0, "qsgg"sv, "a session that llama.cpp saved", kGiveModel},
    Signature{4, "TFL3"sv, "a TensorFlow Lite model", kConvert},
    Signature{4, "ET12"sv, "an ExecuTorch model", kConvert},
    Signature{0, "ptrt"sv, "a TensorRT engine", kConvert},
    Signature{0, "RKNN"sv, "a model for Rockchip's NPU", kConvert},
    Signature{2, "\n\x05<unk>"sv, "a tokenizer (SentencePiece)", "give the folder that it lies in"},
    Signature{0, "LITERTLM"sv, "a LiteRT-LM model", kConvert},
    Signature{0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras)", kConvert},
    Signature{0, "\x93NUMPY"sv, "a NumPy array", kConvert},
    Signature{0, "PAR1"sv, "a Parquet table", kGiveModel},
    Signature{0, "ARROW1\0\0"sv, "an Arrow table", kGiveModel},
    Signature{0, "THIMPACK"sv, "Thimble's own pack cache", "give the model that it lies beside"},
    // Programs.
    Signature{0, "MZqFpD"sv, "a llamafile (a program with a model in it)", kLlamafile},
    Signature{0, "jartsr='"sv, "a llamafile (a program with a model in it)", kLlamafile},
    Signature{0,
              "\x7f"
              "ELF"sv,
              "a program", kGiveModel},
    Signature{0, "\xcf\xfa\xed\xfe"sv, "a program", kGiveModel},
    Signature{0, "\xca\xfe\xba\xbe"sv, "a program", kGiveModel},
    Signature{0, "\0asm"sv, "a WebAssembly program", kGiveModel},
    Signature{0, "#!"sv, "a script", kGiveModel},
    // Pictures, sound, documents.
    Signature{0, "\x89PNG\r\n\x1a\n"sv, "a picture (PNG)", kPicture},
    Signature{0, "\xff\xd8\xff"sv, "a picture (JPEG)", kPicture},
    Signature{0, "GIF8"sv, "a picture (GIF)", kPicture},
    Signature{8, "WEBP"sv, "a picture (WebP)", kPicture},
    Signature{4, "ftyphei"sv, "a picture (HEIC)", kPicture},
    Signature{4, "ftypmif1"sv, "a picture (HEIC)", kPicture},
    Signature{4, "ftypavif"sv, "a picture (AVIF)", kPicture},
    Signature{0, "II*\0"sv, "a picture (TIFF)", kPicture},
    Signature{0, "MM\0*"sv, "a picture (TIFF)", kPicture},
    Signature{4, "ftyp"sv, "a video", kGiveModel},
    Signature{0, "\x1a\x45\xdf\xa3"sv, "a video", kGiveModel},
    Signature{8, "WAVE"sv, "a sound file", kGiveModel},
    Signature{8, "AVI "sv, "a video", kGiveModel},
    Signature{0, "ID3"sv, "a sound file", kGiveModel},
    Signature{0, "OggS"sv, "a sound file", kGiveModel},
    Signature{0, "fLaC"sv, "a sound file", kGiveModel},
    Signature{0, "%PDF-"sv, "a PDF document", kGiveModel},
    Signature{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "an Office document", kGiveModel},
    Signature{0, "SQLite format 3\0"sv, "an SQLite database", kGiveModel},
    // What systems and browsers lay beside or in the place of a file.
    Signature{0, "L\0\0\0\x01\x14\x02\0"sv, "a Windows shortcut", "give the file that it leads to"},
    Signature{0, "book\0\0\0\0mark"sv, "a macOS alias", "give the file that it leads to"},
    Signature{0, "bplist00"sv, "a macOS property list", kGiveModel},
    Signature{0, "\0\x05\x16\x07"sv, "a companion of another file that macOS writes (AppleDouble)",
              "give the file of the same name without ._"},
    Signature{0, "d8:announce"sv, "a torrent", "give the file that it downloads"},
    Signature{0, "d13:announce"sv, "a torrent", "give the file that it downloads"},
};

bool HasAt(std::string_view text, std::size_t offset, std::string_view bytes) {
  return text.size() >= offset + bytes.size() && text.substr(offset, bytes.size()) == bytes;
}

FileFinding Other(std::string_view what, std::string_view advice) {
  return {FileKind::kOther, std::string(what), std::string(advice)};
}

FileFinding Unfinished(std::string_view what, std::string_view advice) {
  return {FileKind::kUnfinished, std::string(what), std::string(advice)};
}

bool IsSafetensors(std::string_view head) {
  constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
  if (head.size() < 9 || head[8] != '{') return false;
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, head.data(), sizeof header_bytes);
  return header_bytes >= 2 && header_bytes <= kMaxHeaderBytes;
}

bool EndsWithAny(std::string_view name, std::span<const std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
}

constexpr std::array kTorchEndings = {".bin"sv, ".pt"sv, ".pth"sv, ".ckpt"sv, ".pkl"sv, ".pickle"sv};

// A zip archive: people meet PyTorch checkpoints, llamafiles and Office documents of that form.
FileFinding Zip(std::string_view head, std::string_view name) {
  std::string_view first;  // the first file in it
  if (head.size() >= 30) {
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(head[26])) +
                      256U * static_cast<std::size_t>(static_cast<unsigned char>(head[27]));
    first = head.substr(30, size);
  }
  const auto holds = [&](std::string_view part) { return first.find(part) != std::string_view::npos; };
  if (name.ends_with(".llamafile")) return Other("a llamafile (a program with a model in it)", kLlamafile);
  if (holds("data.pkl") || holds(".format_version") || EndsWithAny(name, kTorchEndings)) {
    return Other("a PyTorch checkpoint", kConvert);
  }
  if (first.ends_with(".npy") || name.ends_with(".npz")) return Other("a file of NumPy arrays", kConvert);
  if (holds(".mlmodel") || name.ends_with(".mlpackage")) return Other("a Core ML model", kConvert);
  if (name.ends_with(".keras")) return Other("a Keras model", kConvert);
  if (name.ends_with(".task")) return Other("a MediaPipe model", kConvert);
  if (holds("[Content_Types].xml") || holds("mimetype")) return Other("an Office document", kGiveModel);
  if (first.ends_with(".gguf")) return Other(Cat("a zip archive with ", QuoteName(first), " in it"), kUnpack);
  return Other("a zip archive", kUnpack);
}

// Protocol buffers have no signature: an ONNX model begins with its version and, mostly, who made it.
bool IsOnnx(std::string_view head) {
  if (head.size() < 4 || head[0] != '\x08' || head[1] < 1 || head[1] > 32 || head[2] != '\x12') return false;
  const std::string_view producer = head.substr(4, static_cast<unsigned char>(head[3]));
  return !producer.empty() && std::all_of(producer.begin(), producer.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// Python's pickle, from which older PyTorch checkpoints are made: its protocol, and an opcode that begins a value.
bool IsPickle(std::string_view head) {
  return head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5 &&
         "\x95\x8a}]c(X\x8c"sv.find(head[2]) != std::string_view::npos;
}

std::optional<FileFinding> ByBytes(std::string_view head, std::string_view name) {
  if (HasAt(head, 0, "PK\x03\x04"sv) || HasAt(head, 0, "PK\x05\x06"sv) || HasAt(head, 0, "PK\x07\x08"sv)) {
    return Zip(head, name);
  }
  for (const Signature& signature : kSignatures) {
    if (!HasAt(head, signature.offset, signature.bytes)) continue;
    const bool is_program = signature.what == "a program";
    if (is_program && name.ends_with(".llamafile"))
      return Other("a llamafile (a program with a model in it)", kLlamafile);
    return Other(signature.what, signature.advice);
  }
  if (HasAt(head, 0, "BM"sv) && HasAt(head, 6, "\0\0\0\0"sv)) return Other("a picture (BMP)", kPicture);
  if (HasAt(head, 0, "MZ"sv)) return Other("a Windows program", kGiveModel);
  if (IsPickle(head)) return Other("a Python pickle, as PyTorch checkpoints are", kConvert);
  if (IsOnnx(head)) return Other("an ONNX model", kConvert);
  return std::nullopt;
}

// ---- text ----

bool IsText(std::string_view head) {
  if (HasAt(head, 0, "\xff\xfe"sv) || HasAt(head, 0, "\xfe\xff"sv)) return true;  // UTF-16 with its mark
  const std::string_view whole = head.substr(0, CompletePrefixLength(head));
  return !head.empty() && IsValidUtf8(whole) && std::all_of(whole.begin(), whole.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' || (c >= '\b' && c <= '\r') || c == '\x1b';
  });
}

// The text between two marks, the first taken without regard to case; empty when they are not there.
std::string_view Between(std::string_view text, std::string_view open, std::string_view close) {
  const std::size_t begin = AsciiLower(text).find(open);
  if (begin == std::string::npos) return "";
  const std::size_t from = text.find('>', begin + open.size() - 1);
  const std::size_t end = from == std::string_view::npos ? from : text.find(close, from);
  return end == std::string_view::npos ? "" : text.substr(from + 1, end - from - 1);
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// ", saying 'Sign in'", for what a page or a server says, in one line; empty when it says nothing.
std::string Saying(std::string_view words) {
  std::string line;
  for (const char c : Trimmed(words)) {
    const bool is_blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (!is_blank) line += c;
    if (is_blank && !line.ends_with(' ')) line += ' ';
  }
  return line.empty() ? "" : Cat(", saying ", QuoteName(line));
}

std::optional<FileFinding> Markup(std::string_view text) {
  if (text.size() < 2 || text[0] != '<') return std::nullopt;
  const bool is_tag =
      text[1] == '!' || text[1] == '?' || (text[1] >= 'a' && text[1] <= 'z') || (text[1] >= 'A' && text[1] <= 'Z');
  if (!is_tag) return std::nullopt;
  const std::string lower = AsciiLower(text);
  if (lower.find("<html") != std::string::npos || lower.starts_with("<!doctype html") || lower.starts_with("<head")) {
    return Other(Cat("a web page (HTML)", Saying(Between(text, "<title", "<"))), kFetchFile);
  }
  if (lower.find("<error>") != std::string::npos) {
    return Other(Cat("a server's error message", Saying(Between(text, "<message>", "<"))), kFetchFile);
  }
  if (lower.find("<net ") != std::string::npos) return Other("an OpenVINO model", kConvert);
  if (lower.find("<svg") != std::string::npos) return Other("a drawing (SVG)", kGiveModel);
  return Other("a web page or another XML file", kFetchFile);
}

// What an error reply says, wherever hubs put it.
std::string ErrorIn(std::string_view text) {
  const auto json = Json::Parse(text, "reply");
  if (!json.ok() || !json.value().IsObject()) return "";
  for (const char* key : {"error", "message", "detail", "errors", "Message"}) {
    const Json* value = json.value().Find(key);
    if (value == nullptr) continue;
    if (value->IsArray() && !value->items().empty()) value = &value->items().front();
    if (const Json* inner = value->Find("message"); inner != nullptr) value = inner;
    return value->IsString() && !value->text().empty() ? value->text() : std::string("an error");
  }
  return "";
}

std::optional<FileFinding> JsonText(std::string_view text) {
  const std::string_view rest = Trimmed(text.substr(std::min<std::size_t>(1, text.size())));
  const bool is_list = text.starts_with('[') && !rest.empty() &&
                       (std::string_view("{[\"]").find(rest[0]) != std::string_view::npos || IsDigit(rest[0]));
  if (!text.starts_with('{') && !is_list) return std::nullopt;
  const auto has = [&](std::string_view key) { return text.find(Cat('"', key, '"')) != std::string_view::npos; };
  constexpr std::string_view kFolder = "give the folder that it lies in";
  if (has("weight_map")) return Other("the index of a model in several files", kFolder);
  if (has("peft_type")) return Other("the settings of an adapter (LoRA)", kAdapterAdvice);
  if (has("schemaVersion") || has("model_family")) {
    return Other("a manifest of Ollama", "the model is the largest file of Ollama's folder blobs: give that");
  }
  if (has("added_tokens") || has("pre_tokenizer") || has("tokenizer_class") || has("added_tokens_decoder")) {
    return Other("a tokenizer", kFolder);
  }
  if (has("architectures") || has("model_type") || has("text_config")) {
    return Other("a model's settings (config.json), without the model", kFolder);
  }
  if (has("image_processor_type") || has("transformers_version")) return Other("a model's settings", kFolder);
  if (const std::string error = ErrorIn(text); !error.empty()) {
    return Other(Cat("a server's error message", Saying(error)), kFetchFile);
  }
  return Other("a JSON file", kGiveModel);
}

FileFinding Pointer(std::string_view text) {
  const std::size_t at = text.find("\nsize ");
  std::uint64_t size = 0;
  if (at != std::string_view::npos) std::from_chars(text.data() + at + 6, text.data() + text.size(), size);
  return Unfinished(Cat("a Git LFS pointer, which stands for a file", size > 0 ? Cat(" of ", FormatBytes(size)) : "",
                        " that was not downloaded"),
                    "run `git lfs pull` in its folder, or download the file itself");
}

// What servers answer in place of a file, as plain text.
bool IsServersWords(std::string_view text) {
  constexpr std::size_t kLongest = 1024;
  if (text.size() > kLongest) return false;
  const std::string lower = AsciiLower(text);
  constexpr std::array kWords = {"not found"sv,
                                 "unauthorized"sv,
                                 "invalid username"sv,
                                 "invalid credentials"sv,
                                 "access denied"sv,
                                 "access to"sv,
                                 "forbidden"sv,
                                 "is restricted"sv,
                                 "is gated"sv,
                                 "rate limit"sv,
                                 "too many requests"sv,
                                 "bad gateway"sv,
                                 "service unavailable"sv,
                                 "gateway time"sv,
                                 "error"sv,
                                 "redirect"sv,
                                 "moved permanently"sv};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

FileFinding ByText(std::string_view head) {
  std::string_view text = head;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text = text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (text.starts_with("version https://git-lfs.github.com/") ||
      text.starts_with("version https://hawser.github.com/")) {
    return Pointer(text);
  }
  if (text.starts_with("# xet version")) {
    return Unfinished("a pointer of Git Xet in place of a file that was not downloaded",
                      "run `git xet checkout` in its folder, or download the file itself");
  }
  if (text.starts_with("/annex/objects/") || text.starts_with("../../blobs/") || text.starts_with(".git/annex/")) {
    return Unfinished("a link that was copied as text, in place of the file that it leads to",
                      "copy or download the file itself");
  }
  if (auto markup = Markup(text)) return *markup;
  if (!IsText(head)) return {};
  if (auto json = JsonText(text)) return *json;
  if (text.starts_with("[InternetShortcut]")) return Other("a shortcut to a web page", kFetchFile);
  if (text.starts_with("FROM ") || text.find("\nFROM ") != std::string_view::npos) {
    return Other("a Modelfile of Ollama", "give the file that stands behind FROM");
  }
  if (IsServersWords(text)) return Other(Cat("a server's error message", Saying(text)), kFetchFile);
  return {FileKind::kText, "a text file", std::string(kGiveModel)};
}

// ---- by the name ----

// "model.gguf.part2of3", "model.gguf-split-b": pieces that belong behind each other.
bool IsPieceName(std::string_view name) {
  const std::size_t split = name.rfind("-split-");
  if (split != std::string_view::npos && split + 8 == name.size()) return true;
  const std::size_t part = name.rfind(".part");
  if (part == std::string_view::npos) return false;
  const std::string_view tail = name.substr(part + 5);
  const std::size_t of = tail.find("of");
  const auto is_number = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
  };
  return of != std::string_view::npos && is_number(tail.substr(0, of)) && is_number(tail.substr(of + 2));
}

struct NamedForm {
  std::string_view ending;
  std::string_view what;
};
constexpr std::array kNamedForms = {
    NamedForm{".onnx", "an ONNX model"},
    NamedForm{".mlmodel", "a Core ML model"},
    NamedForm{".tflite", "a TensorFlow Lite model"},
    NamedForm{".pb", "a TensorFlow model"},
    NamedForm{".engine", "a TensorRT engine"},
    NamedForm{".plan", "a TensorRT engine"},
    NamedForm{".trt", "a TensorRT engine"},
    NamedForm{".msgpack", "a Flax model"},
    NamedForm{".h5", "a Keras model"},
    NamedForm{".ckpt", "a PyTorch checkpoint"},
    NamedForm{".pt", "a PyTorch checkpoint"},
    NamedForm{".pth", "a PyTorch checkpoint"},
    NamedForm{".pte", "an ExecuTorch model"},
    NamedForm{".nemo", "a NeMo model"},
    NamedForm{".npz", "a file of NumPy arrays"},
    NamedForm{"imatrix.dat", "an importance matrix"},
    NamedForm{".imatrix", "an importance matrix"},
};

bool IsZeros(std::string_view head) {
  return std::all_of(head.begin(), head.end(), [](char c) { return c == '\0'; });
}

}  // namespace

bool IsUnfinishedName(const std::string& path) {
  const std::string name = AsciiLower(NameOf(path));
  constexpr std::array kEndings = {
      ".part"sv,     ".partial"sv, ".crdownload"sv, ".download"sv, ".incomplete"sv, ".opdownload"sv,        ".aria2"sv,
      ".filepart"sv, ".!qb"sv,     ".!ut"sv,        ".bc!"sv,      ".unfinished"sv, ".downloadinprogress"sv};
  if (EndsWithAny(name, kEndings) || name.starts_with("incomplete-")) return true;
  // Ollama's: sha256-HASH-partial, and -partial-0 for what is known of its pieces.
  return name.starts_with("sha256-") && name.find("-partial") != std::string::npos;
}

FileFinding LookAtFile(std::span<const std::byte> bytes, const std::string& path) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view head = all.substr(0, kLookedAtBytes);
  const std::string name = AsciiLower(NameOf(path));
  if (IsUnfinishedName(path)) {
    return Unfinished("a download that is not finished, by its name",
                      "wait for it to end, or fetch it again; if it is whole, give it the name it was published under");
  }
  if (IsPieceName(name)) {
    return Unfinished("one piece of a file that was cut into several", "join them with `cat`, in their order");
  }
  if (head.empty()) return Unfinished("empty", kFetchAgain);
  if (head.starts_with("GGUF")) return {FileKind::kGguf, "", ""};
  if (IsSafetensors(head)) return {FileKind::kSafetensors, "", ""};
  if (BeginsAsWholePack(bytes)) return {FileKind::kPack, "", ""};
  if (IsZeros(head)) {
    return Unfinished("nothing but zeros where a model begins", kFetchAgain);
  }
  if (auto other = ByBytes(head, name)) return *other;
  if (FileFinding text = ByText(head); text.kind != FileKind::kUnknown) return text;
  for (const NamedForm& form : kNamedForms) {
    if (name.ends_with(form.ending)) return Other(Cat(form.what, ", by its name"), kConvert);
  }
  if (name.ends_with(".llamafile")) return Other("a llamafile (a program with a model in it), by its name", kLlamafile);
  return {};
}

std::optional<Error> RefusalOf(const FileFinding& finding) {
  if (finding.kind == FileKind::kUnfinished) {
    return Error{Code::kCorrupt, Cat("[file] is ", finding.what, ": ", finding.advice)};
  }
  if (finding.kind == FileKind::kOther) {
    // "an ONNX model, not a model" would be no sentence.
    const bool is_some_model =
        finding.what.find("model") != std::string::npos || finding.what.find("checkpoint") != std::string::npos;
    Error error{Code::kUnsupported,
                Cat("[file] is ", finding.what, is_some_model ? ": " : ", not a model: ", finding.advice)};
    if (finding.advice == kPicture) error.advice = {{Advice::kGiveAsPicture}};
    return error;
  }
  return std::nullopt;
}

Error AdapterRefusal() {
  return Error{Code::kUnsupported, Cat("[file] is an adapter (LoRA), not a model: ", kAdapterAdvice)};
}

std::optional<Error> RefusalOf(const GgufLabel& label) {
  const auto refusal = [](std::string_view what, std::string_view advice) {
    return Error{Code::kUnsupported, Cat("[gguf] is ", what, ", not a model that writes: ", advice)};
  };
  if (label.type == "adapter") return AdapterRefusal();
  if (label.architecture == "controlvector" || label.type == "controlvector") {
    return refusal("a control vector", "it steers another model and is none itself, and is not read");
  }
  if (label.type == "imatrix" || label.architecture == "imatrix") {
    return refusal("an importance matrix (imatrix)", "it is for quantising another model; give that");
  }
  constexpr std::array kDrafts = {"dflash"sv, "eagle"sv, "eagle2"sv, "eagle3"sv, "medusa"sv, "hydra"sv};
  if (std::find(kDrafts.begin(), kDrafts.end(), label.architecture) != kDrafts.end()) {
    return refusal(Cat("a draft model (", label.architecture, ")"),
                   "it makes another model faster and is not read; give that one");
  }
  return std::nullopt;
}

bool HoldsAdapter(std::span<const TensorEntry> tensors) {
  const auto is_part = [](const TensorEntry& tensor) {
    const std::string name = AsciiLower(tensor.name);
    return name.find("lora_") != std::string::npos || name.find(".lora.") != std::string::npos;
  };
  const auto goes_along = [&](const TensorEntry& tensor) {
    return is_part(tensor) || tensor.name.ends_with(".alpha") || tensor.name.find("dora_scale") != std::string::npos;
  };
  return std::any_of(tensors.begin(), tensors.end(), is_part) &&
         std::all_of(tensors.begin(), tensors.end(), goes_along);
}

}  // namespace thimble
