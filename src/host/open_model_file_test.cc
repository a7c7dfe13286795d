// SPDX-License-Identifier: Apache-2.0
#include "host/open_model_file.h"

#include "gguf_writer.h"

#include "folder_test.h"

#include "files/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::GgufWriter;
using ::testing::HasSubstr;

const std::string kFixtures = THIMBLE_FIXTURES_DIR;

std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<std::byte> BytesOf(const std::string& path) {
  const std::string content = ContentOf(path);
  std::vector<std::byte> bytes(content.size());
  std::memcpy(bytes.data(), content.data(), content.size());
  return bytes;
}

std::string TextOf(const ModelFile& model, std::string_view name) {
  const TensorEntry* tensor = model.Find(name);
  if (tensor == nullptr) return "(absent)";
  auto view = model.View(*tensor);
  if (!view.ok()) return view.error().message;
  return std::string(reinterpret_cast<const char*>(view.value().data()), view.value().size());
}

Error Refusal(const std::string& path) {
  auto model = OpenModelFile(path);
  return model.ok() ? Error{Code::kInvalid, "(opened)"} : model.error();
}

// A folder of its own for every test.
class ModelFileTest : public testing::FolderTest {
 protected:
  std::string Write(const std::string& name, std::string_view content) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string Write(const std::string& name, const std::vector<std::byte>& bytes) {
    return Write(name, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  // One F32 tensor of one number, `value` its four bytes.
  std::string WriteSafetensors(const std::string& name, const std::string& tensor, std::string_view value) {
    const std::string header = R"({")" + tensor + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    testing::ByteWriter file;
    file.Text(header).Chars(value);
    return Write(name, file.bytes());
  }
  // Part `part` (from 0) of `count` with one tensor "tN".
  std::string WriteGgufPart(const std::string& name, std::uint16_t part, std::uint16_t count,
                            std::int32_t num_tensors) {
    GgufWriter file;
    file.Key<std::uint16_t>("split.no", 2, part).Key<std::uint16_t>("split.count", 2, count);
    file.Key<std::int32_t>("split.tensors.count", 5, num_tensors);
    if (part == 0) file.TextKey("general.architecture", "qwen35");
    const std::string digit = std::to_string(part);
    file.Tensor("t" + digit, {1}, 0, "par" + digit);
    return Write(name, file.Bytes());
  }
};

TEST_F(ModelFileTest, OpensEveryGgufFixture) {
  auto types = Json::Parse(ContentOf(kFixtures + "/gguf/types.json"), "types.json");
  ASSERT_TRUE(types.ok());
  int num_opened = 0;
  for (const auto& [name, counts] : types.value().members()) {
    const std::string path = kFixtures + "/gguf/" + name;
    if (!fs::exists(path)) continue;
    auto model = OpenModelFile(path);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(model.value().format(), ModelFile::Format::kGguf);
    EXPECT_EQ(model.value().path(), path);
    EXPECT_EQ(model.value().total_bytes(), fs::file_size(path));
    std::map<std::string, std::int64_t> found;
    for (const TensorEntry& tensor : model.value().tensors()) {
      ++found[std::string(TraitsOf(tensor.dtype).name)];
      const auto view = model.value().View(tensor);
      ASSERT_TRUE(view.ok());
      EXPECT_EQ(view.value().size(), tensor.size_bytes);
      EXPECT_EQ(model.value().Find(tensor.name), &tensor);
      model.value().Release(tensor);
    }
    std::map<std::string, std::int64_t> expected;
    for (const auto& [type, count] : counts.members()) expected[type] = count.AsInt().value_or(-1);
    EXPECT_EQ(found, expected) << name;
    EXPECT_NE(model.value().metadata().String("general.architecture"), std::nullopt) << name;
    ++num_opened;
  }
  EXPECT_GE(num_opened, 15);
}

TEST_F(ModelFileTest, OpensEverySafetensorsFixture) {
  for (const std::string name : {"text-tied", "text-untied", "text-real-heads", "vl", "vl-mtp"}) {
    const std::string path = kFixtures + "/models/" + name;
    auto model = OpenModelFile(path);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(model.value().format(), ModelFile::Format::kSafetensors);
    EXPECT_EQ(model.value().shard_paths().size(), name == "vl-mtp" ? 2u : 1u);
    EXPECT_GT(model.value().tensors().size(), 40u);
    for (const TensorEntry& tensor : model.value().tensors()) ASSERT_TRUE(model.value().View(tensor).ok());
    EXPECT_TRUE(model.value().metadata().values().empty());
    auto config = model.value().SideFile("config.json");
    ASSERT_TRUE(config.ok());
    EXPECT_EQ(config.value(), ContentOf(path + "/config.json"));
    const auto absent = model.value().SideFile("absent.json");
    ASSERT_FALSE(absent.ok());
    EXPECT_EQ(absent.error().code, Code::kNotFound);
    EXPECT_THAT(absent.error().message, HasSubstr("absent.json"));
  }
}

// The converter wrote both from the same numbers, so tensors that change neither type nor order have equal bytes.
TEST_F(ModelFileTest, BothFormsOfAModelHoldTheSameNumbers) {
  auto gguf = OpenModelFile(kFixtures + "/gguf/text-untied-bf16.gguf");
  auto folder = OpenModelFile(kFixtures + "/models/text-untied");
  ASSERT_TRUE(gguf.ok() && folder.ok());
  const TensorEntry* a = gguf.value().Find("output_norm.weight");
  const TensorEntry* b = folder.value().Find("model.norm.weight");
  ASSERT_TRUE(a != nullptr && b != nullptr);
  EXPECT_EQ(a->shape, b->shape);
  ASSERT_EQ(a->dtype, DType::kF32);
  ASSERT_EQ(b->dtype, DType::kF32);
  const auto a_bytes = gguf.value().View(*a).value();
  const auto b_bytes = folder.value().View(*b).value();
  for (std::size_t index = 0; index < a_bytes.size() / 4; ++index) {
    float from_gguf = 0;
    float from_folder = 0;
    std::memcpy(&from_gguf, a_bytes.data() + 4 * index, 4);
    std::memcpy(&from_folder, b_bytes.data() + 4 * index, 4);
    ASSERT_EQ(from_gguf, from_folder + 1.0f) << index;  // norm weights are stored less one in Hugging Face's form
  }
  const TensorEntry* embedding = gguf.value().Find("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->ShapeText(), "[2048, 96]");
}

TEST_F(ModelFileTest, OpensTheRealVocabulary) {
  auto model = OpenModelFile(kFixtures + "/tokenizer/qwen35-vocab.gguf");
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto* tokens = model.value().metadata().Strings("tokenizer.ggml.tokens");
  const auto* merges = model.value().metadata().Strings("tokenizer.ggml.merges");
  const auto* types = model.value().metadata().Ints("tokenizer.ggml.token_type");
  ASSERT_TRUE(tokens != nullptr && merges != nullptr && types != nullptr);
  EXPECT_EQ(tokens->size(), 248320u);
  EXPECT_EQ(merges->size(), 247587u);
  EXPECT_EQ(types->size(), tokens->size());
  EXPECT_EQ((*tokens)[248044], "<|endoftext|>");
  EXPECT_TRUE(model.value().tensors().empty());
  EXPECT_EQ(model.value().Find("token_embd.weight"), nullptr);
}

TEST_F(ModelFileTest, OpensAFolderWithATokenizerAlone) {
  Write("tokenizer.json", "{}");
  auto model = OpenModelFile(folder_);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model.value().format(), ModelFile::Format::kSafetensors);
  EXPECT_TRUE(model.value().tensors().empty());
  EXPECT_EQ(model.value().SideFile("tokenizer.json").value(), "{}");
}

TEST_F(ModelFileTest, OpensGgufFromMemory) {
  auto model = ModelFile::FromGguf(MemorySource(BytesOf(kFixtures + "/gguf/vl-q8_0.gguf")), "vl");
  ASSERT_TRUE(model.ok()) << model.error().message;
  const ModelFile moved = std::move(model).value();
  const TensorEntry* tensor = moved.Find("token_embd.weight");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(moved.View(*tensor).value().size(), tensor->size_bytes);
  EXPECT_EQ(moved.metadata().String("general.architecture"), "qwen35");
  EXPECT_EQ(moved.SideFile("config.json").error().code, Code::kNotFound);
}

TEST_F(ModelFileTest, AnyPartOfASplitGgufOpensAll) {
  std::vector<std::string> paths;
  for (std::uint16_t part = 0; part < 3; ++part) {
    paths.push_back(WriteGgufPart("m-0000" + std::to_string(part + 1) + "-of-00003.gguf", part, 3, 3));
  }
  for (const std::string& path : {paths[0], paths[1], paths[2], folder_}) {
    auto model = OpenModelFile(path);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(model.value().shard_paths().size(), 3u);
    EXPECT_EQ(model.value().tensors().size(), 3u);
    EXPECT_EQ(TextOf(model.value(), "t0"), "par0");
    EXPECT_EQ(TextOf(model.value(), "t1"), "par1");
    EXPECT_EQ(TextOf(model.value(), "t2"), "par2");
    EXPECT_EQ(model.value().metadata().String("general.architecture"), "qwen35");
  }
}

TEST_F(ModelFileTest, RefusesSplitGgufsThatDoNotFit) {
  const std::string first = WriteGgufPart("m-00001-of-00003.gguf", 0, 3, 3);
  EXPECT_EQ(Refusal(first).code, Code::kNotFound);
  EXPECT_THAT(Refusal(first).message, HasSubstr("m-00002-of-00003.gguf: [gguf] part 2 of 3 is missing"));
  WriteGgufPart("m-00002-of-00003.gguf", 1, 3, 3);
  const std::string third = WriteGgufPart("m-00003-of-00003.gguf", 1, 3, 3);  // a copy of part 2 under a wrong name
  EXPECT_THAT(Refusal(first).message, HasSubstr("must be part 3 of 3, its header says 2 of 3"));
  EXPECT_EQ(Refusal(third).code, Code::kInvalid);
  WriteGgufPart("m-00003-of-00003.gguf", 2, 3, 4);
  WriteGgufPart("m-00001-of-00003.gguf", 0, 3, 4);
  EXPECT_THAT(Refusal(first).message, HasSubstr("all parts together must hold 4 tensors, found 3"));
  const std::string renamed = WriteGgufPart("renamed.gguf", 0, 3, 3);
  EXPECT_THAT(Refusal(renamed).message, HasSubstr("is part 1 of a model split into 3 files"));
  const auto memory = ModelFile::FromGguf(MemorySource(BytesOf(renamed)), "part");
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.error().code, Code::kUnsupported);
}

TEST_F(ModelFileTest, NamesTheMissingFirstPartOfAFolder) {
  WriteGgufPart("m-00002-of-00002.gguf", 1, 2, 2);
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("m-00001-of-00002.gguf: [gguf] part 1 of 2 is missing"));
}

TEST_F(ModelFileTest, SplitNumbersThatLieAreRefused) {
  GgufWriter file;
  file.Key<std::uint64_t>("split.no", 10, INT64_MAX).Key<std::uint64_t>("split.count", 10, INT64_MAX);
  const Error error = Refusal(Write("m-00001-of-00002.gguf", file.Bytes()));
  EXPECT_EQ(error.code, Code::kInvalid) << error.message;
}

TEST_F(ModelFileTest, RefusesATensorInTwoParts) {
  for (const std::uint16_t part : {std::uint16_t{0}, std::uint16_t{1}}) {
    GgufWriter twice;
    twice.Key<std::uint16_t>("split.no", 2, part).Key<std::uint16_t>("split.count", 2, 2);
    twice.Tensor("same", {1}, 0, "1234");
    Write("m-0000" + std::to_string(part + 1) + "-of-00002.gguf", twice.Bytes());
  }
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("tensor 'same' is also in "));
}

TEST_F(ModelFileTest, AFolderMayHoldOneGgufModelAndItsVisionFile) {
  GgufWriter text;
  text.Tensor("text", {1}, 0, "abcd");
  GgufWriter vision;
  vision.Tensor("vision", {1}, 0, "abcd");
  const std::string vision_path = Write("mmproj-model-f16.gguf", vision.Bytes());
  EXPECT_NE(OpenModelFile(folder_).value().Find("vision"), nullptr);
  Write("model-q8_0.gguf", text.Bytes());
  Write("notes.txt", "not a model");
  EXPECT_NE(OpenModelFile(folder_ + "/").value().Find("text"), nullptr);
  EXPECT_NE(OpenModelFile(vision_path).value().Find("vision"), nullptr);
  Write("model-q4_0.gguf", text.Bytes());
  EXPECT_EQ(Refusal(folder_).code, Code::kInvalid);
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("name one of them: model-q4_0.gguf, model-q8_0.gguf"));
}

TEST_F(ModelFileTest, ShardedSafetensorsOpenFromAnyOfTheirFiles) {
  const std::string first = WriteSafetensors("m-1.safetensors", "x", "xxxx");
  const std::string second = WriteSafetensors("m-2.safetensors", "y", "yyyy");
  Write("model.safetensors.index.json", R"({"weight_map":{"x":"m-1.safetensors","y":"m-2.safetensors"}})");
  const std::string other = WriteSafetensors("other.safetensors", "z", "zzzz");
  for (const std::string& path : {folder_, first, second}) {
    auto model = OpenModelFile(path);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(TextOf(model.value(), "x"), "xxxx");
    EXPECT_EQ(TextOf(model.value(), "y"), "yyyy");
    EXPECT_EQ(TextOf(model.value(), "z"), "(absent)");
  }
  auto alone = OpenModelFile(other);  // not in the index: a model of its own
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ(TextOf(alone.value(), "z"), "zzzz");
  EXPECT_EQ(alone.value().tensors().size(), 1u);
}

TEST_F(ModelFileTest, RefusesAnIndexThatDoesNotFit) {
  WriteSafetensors("m-1.safetensors", "x", "xxxx");
  Write("model.safetensors.index.json", R"({"weight_map":{"x":"m-1.safetensors","y":"m-2.safetensors"}})");
  EXPECT_EQ(Refusal(folder_).code, Code::kNotFound);
  EXPECT_THAT(Refusal(folder_).message,
              HasSubstr("m-2.safetensors: [safetensors] a part that the index names is missing"));
  Write("model.safetensors.index.json", R"({"weight_map":{"x":"m-1.safetensors","y":"m-1.safetensors"}})");
  EXPECT_EQ(Refusal(folder_).code, Code::kCorrupt);
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("the index places tensor 'y' here"));
  Write("model.safetensors.index.json", R"({"weight_map":{"x":"../m-1.safetensors"}})");
  EXPECT_EQ(Refusal(folder_).code, Code::kCorrupt);
  Write("model.safetensors.index.json", "{");
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("model.safetensors.index.json: [safetensors index] not valid JSON"));
}

TEST_F(ModelFileTest, TypesWeCannotReadFailOnlyWhenUsed) {
  testing::ByteWriter file;
  file.Text(
      R"({"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})");
  file.Chars("12345678abcd");
  auto model = OpenModelFile(Write("model.safetensors", file.bytes()));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(TextOf(model.value(), "w"), "abcd");
  const auto view = model.value().View(*model.value().Find("ids"));
  ASSERT_FALSE(view.ok());
  EXPECT_EQ(view.error().code, Code::kUnsupported);
  EXPECT_THAT(view.error().message, HasSubstr("tensor 'ids' must be F32, F16 or BF16, found I64"));
}

TEST_F(ModelFileTest, RefusesWhatIsNoModelAndNamesIt) {
  EXPECT_EQ(Refusal(folder_ + "/absent.gguf").code, Code::kNotFound);
  EXPECT_THAT(Refusal(folder_ + "/absent.gguf").message, HasSubstr("absent.gguf"));
  EXPECT_EQ(Refusal(folder_).code, Code::kNotFound);
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("must hold a model"));
  EXPECT_EQ(Refusal("").code, Code::kNotFound);
  const std::string text = Write("notes.txt", "hello there");
  EXPECT_EQ(Refusal(text).code, Code::kCorrupt);
  EXPECT_THAT(Refusal(text).message, HasSubstr("notes.txt: [gguf] a model file must begin with 'GGUF', found 'hell'"));
  WriteSafetensors("one.safetensors", "x", "xxxx");
  WriteSafetensors("two.safetensors", "x", "xxxx");
  EXPECT_EQ(Refusal(folder_).code, Code::kInvalid);
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("name one of one.safetensors, two.safetensors"));
  EXPECT_THAT(Refusal(Write("cut.safetensors", "1234")).message,
              HasSubstr("cut.safetensors: [safetensors] 8 bytes wanted"));
}

TEST_F(ModelFileTest, TheContentCountsNotTheName) {
  GgufWriter gguf;
  gguf.Tensor("text", {1}, 0, "abcd");
  auto model = OpenModelFile(Write("model.safetensors", gguf.Bytes()));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model.value().format(), ModelFile::Format::kGguf);
  EXPECT_EQ(TextOf(model.value(), "text"), "abcd");
  EXPECT_EQ(TextOf(OpenModelFile(folder_).value(), "text"), "abcd");
  model = OpenModelFile(WriteSafetensors("other.gguf", "x", "xxxx"));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model.value().format(), ModelFile::Format::kSafetensors);
  EXPECT_EQ(TextOf(model.value(), "x"), "xxxx");
}

TEST_F(ModelFileTest, AVisionFileIsToldByItsHeader) {
  const auto write = [&](const std::string& name, const std::string& architecture, const std::string& tensor) {
    GgufWriter file;
    file.TextKey("general.architecture", architecture).Tensor(tensor, {1}, 0, "abcd");
    return Write(name, file.Bytes());
  };
  write("vision.gguf", "clip", "vision");
  write("Clip-F16.GGUF", "clip", "vision");
  EXPECT_EQ(Refusal(folder_).code, Code::kNotFound);
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("none of them a model that writes text"));
  write("with-mmproj.gguf", "qwen35", "text");
  write("._with-mmproj.gguf", "qwen35", "other");  // macOS's
  write("steer.gguf", "controlvector", "other");
  auto model = OpenModelFile(folder_);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(TextOf(model.value(), "text"), "abcd");
}

TEST_F(ModelFileTest, AFolderWithoutAModelSaysWhatItHolds) {
  const auto says = [&](const std::string& words) {
    EXPECT_EQ(Refusal(folder_).code, Code::kNotFound);
    EXPECT_THAT(Refusal(folder_).message, HasSubstr("must hold a model"));
    EXPECT_THAT(Refusal(folder_).message, HasSubstr(words));
  };
  fs::create_directories(folder_ + "/snapshots/4cac");
  says("/snapshots/4cac");
  fs::remove_all(folder_ + "/snapshots");
  fs::create_directories(folder_ + "/Q4_K_M");
  says("is one of its folders meant (Q4_K_M)?");
  Write("pytorch_model.bin", "PK\x03\x04 and so on");
  says("pytorch_model.bin is a PyTorch checkpoint");
  fs::remove(folder_ + "/pytorch_model.bin");
  Write("model.gguf.crdownload", "GGUF");
  says("model.gguf.crdownload is a download that is not finished");
  fs::remove(folder_ + "/model.gguf.crdownload");
  fs::create_symlink("/nowhere/model.gguf", folder_ + "/model.gguf");
  says("model.gguf is a link to /nowhere/model.gguf, where nothing is");
  EXPECT_THAT(Refusal(folder_ + "/model.gguf").message, HasSubstr("is a link to /nowhere/model.gguf"));
  WriteSafetensors("m-00001-of-00002.safetensors", "x", "xxxx");
  WriteSafetensors("m-00002-of-00002.safetensors", "y", "yyyy");
  EXPECT_THAT(Refusal(folder_).message, HasSubstr("fetch model.safetensors.index.json too"));
}

TEST_F(ModelFileTest, PointersAndUnfinishedDownloads) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4c\nsize 5325\n";
  for (const std::string name : {"model.safetensors", "model.gguf"}) {
    const Error error = Refusal(Write(name, pointer));
    EXPECT_EQ(error.code, Code::kCorrupt);
    EXPECT_THAT(error.message, HasSubstr(name + ": [file] is a Git LFS pointer"));
  }
  WriteSafetensors("model.safetensors", "x", "xxxx");
  Write("tokenizer.json", pointer);
  const auto side = OpenModelFile(folder_).value().SideFile("tokenizer.json");
  ASSERT_FALSE(side.ok());
  EXPECT_THAT(side.error().message, HasSubstr("tokenizer.json: [file] is a Git LFS pointer"));
  GgufWriter whole;
  whole.Tensor("text", {1}, 0, "abcd");
  const std::string path = Write("whole.gguf", whole.Bytes());
  Write("whole.gguf.aria2", "x");
  EXPECT_THAT(Refusal(path).message, HasSubstr("not downloaded whole"));
  const Error adapter = Refusal(WriteSafetensors("adapter_model.safetensors", "x.lora_A.weight", "xxxx"));
  EXPECT_EQ(adapter.code, Code::kUnsupported);
  EXPECT_THAT(adapter.message, HasSubstr("is an adapter (LoRA)"));
}

TEST_F(ModelFileTest, ACutModelSaysSo) {
  const std::string whole = ContentOf(kFixtures + "/gguf/vl-q8_0.gguf");
  const Error error = Refusal(Write("cut.gguf", whole.substr(0, whole.size() - 1)));
  EXPECT_EQ(error.code, Code::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("cut.gguf: [gguf] tensor "));
  EXPECT_THAT(error.message, EndsWith("a truncated download? Fetch it again"));
}

// The whole header of a real small file, every 7th byte so that it takes seconds: never a crash, never a tensor
// outside.
TEST_F(ModelFileTest, AFlippedHeaderGivesAnErrorOrAModel) {
  std::vector<std::byte> bytes = BytesOf(kFixtures + "/gguf/vl-q8_0.gguf");
  auto intact = ModelFile::FromGguf(MemorySource(bytes), "intact");
  ASSERT_TRUE(intact.ok());
  std::uint64_t header_bytes = bytes.size();
  for (const TensorEntry& tensor : intact.value().tensors()) header_bytes = std::min(header_bytes, tensor.offset);
  int num_refused = 0;
  for (std::uint64_t place = 0; place < header_bytes; place += place < 2000 ? 1 : 97) {
    std::vector<std::byte> changed = bytes;
    changed[place] ^= std::byte{0xFF};
    auto model = ModelFile::FromGguf(MemorySource(std::move(changed)), "changed");
    if (!model.ok()) {
      ++num_refused;
      continue;
    }
    for (const TensorEntry& tensor : model.value().tensors()) ASSERT_TRUE(model.value().View(tensor).ok());
  }
  EXPECT_GT(num_refused, 100);
}

}  // namespace
}  // namespace thimble::host
