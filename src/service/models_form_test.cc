// SPDX-License-Identifier: Apache-2.0
// Answers about models and the service, and llama.cpp's requests about text and tokens.
#include "service/models_form.h"

#include "files/json.h"
#include "service/text_forms.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace thimble::service {
namespace {

Json Body(const WholeAnswer& answer) {
  auto json = Json::Parse(answer.body, "answer");
  EXPECT_TRUE(json.ok()) << answer.body;
  EXPECT_EQ(answer.headers.at(0).value, "application/json");
  return json.ok() ? std::move(json).value() : Json();
}

ModelCard Card(bool has_vision) {
  ModelCard card;
  card.name = "qwen \"0.8B\"";
  card.created = 1'709'210'096;
  card.context = 8192;
  card.train_context = 262'144;
  card.vocab = 248'320;
  card.num_params = 800'000'000;
  card.size_bytes = 500'000'000;
  card.has_vision = has_vision;
  card.is_loaded = true;
  return card;
}

TEST(ModelsForm, OneModelAndAll) {
  EXPECT_EQ(ModelAnswer(Card(true)).body,
            R"({"id":"qwen \"0.8B\"","object":"model","created":1709210096,"owned_by":"thimble","context_length":8192,)"
            R"("max_model_len":8192,)"
            R"("architecture":{"input_modalities":["text","image"],"output_modalities":["text"]},)"
            R"("capabilities":["completion","tools","thinking","vision","multimodal"],)"
            R"("meta":{"n_ctx":8192,"n_ctx_train":262144,"n_vocab":248320,"n_params":800000000,"size":500000000},)"
            R"("status":{"value":"loaded"}})");
  const std::vector<ModelCard> cards = {Card(true), Card(false)};
  const Json list = Body(ModelsAnswer(cards));
  EXPECT_EQ(list.Find("object")->text(), "list");
  ASSERT_EQ(list.Find("data")->items().size(), 2U);
  EXPECT_EQ(list.Find("data")->items()[1].Find("architecture")->Find("input_modalities")->Dump(), R"(["text"])");
  EXPECT_EQ(list.Find("data")->items()[0].Dump(), Body(ModelAnswer(cards[0])).Dump());
  EXPECT_EQ(ModelsAnswer({}).body, R"({"object":"list","data":[]})");
  EXPECT_EQ(ModelsAnswer({cards.data(), 1}, ModelsForm::kAnthropic).body,
            R"({"data":[{"type":"model","id":"qwen \"0.8B\"","display_name":"qwen \"0.8B\"",)"
            R"("created_at":"2024-02-29T12:34:56Z","lifecycle":"active","max_input_tokens":8192,"max_tokens":8192}],)"
            R"("has_more":false,"first_id":"qwen \"0.8B\"","last_id":"qwen \"0.8B\""})");
  EXPECT_TRUE(Body(ModelsAnswer({}, ModelsForm::kAnthropic)).Find("first_id")->IsNull());
}

TEST(ModelsForm, Health) {
  EXPECT_EQ(HealthAnswer(false).body, R"({"status":"ok"})");
  const WholeAnswer loading = HealthAnswer(true);
  EXPECT_EQ(loading.status, 503);
  EXPECT_EQ(Body(loading).Find("error")->Find("message")->text(), "Loading model");
}

TEST(ModelsForm, PropsAndSlots) {
  Props props;
  props.model = Card(true);
  props.num_slots = 4;
  props.chat_template = "{{ x }}";
  props.build = "thimble 1";
  props.temperature = 0.7;
  const Json json = Body(PropsAnswer(props));
  EXPECT_EQ(json.Find("default_generation_settings")->Find("n_ctx")->AsInt(), 8192);
  EXPECT_EQ(json.Find("default_generation_settings")->Find("params")->Find("temperature")->AsDouble(), 0.7);
  EXPECT_EQ(json.Find("total_slots")->AsInt(), 4);
  EXPECT_EQ(json.Find("modalities")->Dump(), R"({"vision":true,"audio":false})");
  EXPECT_EQ(json.Find("chat_template")->text(), "{{ x }}");
  EXPECT_EQ(json.Find("build_info")->text(), "thimble 1");
  const std::vector<Slot> slots = {{8192, true, 100, 50, 3}, {8192, false, 0, 0, 0}};
  EXPECT_EQ(Body(SlotsAnswer(slots)).Dump(),
            R"([{"id":0,"n_ctx":8192,"is_processing":true,"n_prompt_tokens":100,"n_prompt_tokens_processed":50,)"
            R"("next_token":[{"n_decoded":3}]},{"id":1,"n_ctx":8192,"is_processing":false,"n_prompt_tokens":0,)"
            R"("n_prompt_tokens_processed":0,"next_token":[{"n_decoded":0}]}])");
  EXPECT_EQ(SlotsAnswer({}).body, "[]");
}

// Prometheus' text form: two lines of description, then "NAME NUMBER".
TEST(ModelsForm, MetricsAreInPrometheusForm) {
  Metrics metrics;
  metrics.prompt_tokens = 1000;
  metrics.prompt_seconds = 2.5;
  metrics.num_waiting = 7;
  metrics.is_loaded = true;
  const WholeAnswer answer = MetricsAnswer(metrics);
  EXPECT_TRUE(answer.headers.at(0).value.starts_with("text/plain; version=0.0.4"));
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < answer.body.size();) {
    const std::size_t end = answer.body.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    lines.push_back(answer.body.substr(at, end - at));
    at = end + 1;
  }
  ASSERT_EQ(lines.size() % 3, 0U);
  for (std::size_t i = 0; i < lines.size(); i += 3) {
    const std::string name = lines[i + 2].substr(0, lines[i + 2].find(' '));
    EXPECT_TRUE(lines[i].starts_with("# HELP " + name + " ")) << lines[i];
    EXPECT_TRUE(lines[i + 1] == "# TYPE " + name + " counter" || lines[i + 1] == "# TYPE " + name + " gauge");
    EXPECT_NO_THROW((void)std::stod(lines[i + 2].substr(name.size())));
  }
  for (const char* line : {"\nllamacpp:prompt_tokens_total 1000\n", "\nllamacpp:prompt_seconds_total 2.5\n",
                           "\nllamacpp:prompt_tokens_seconds 400.0\n", "\nllamacpp:predicted_tokens_seconds 0.0\n",
                           "\nllamacpp:requests_deferred 7\n", "\nthimble:model_loaded 1\n"})
    EXPECT_NE(answer.body.find(line), std::string::npos) << line;
}

TEST(ModelsForm, Counts) {
  EXPECT_EQ(InputTokensAnswer(5).body, R"({"object":"response.input_tokens","input_tokens":5})");
  EXPECT_EQ(CountTokensAnswer(5).body, R"({"input_tokens":5})");
}

TEST(TextForms, Tokenize) {
  const auto parse = [](const char* text) { return ParseTokenize(Json::Parse(text, "test").value()); };
  const auto plain = parse(R"({"content": "x"})");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain.value().content, "x");
  EXPECT_TRUE(plain.value().parse_special);
  EXPECT_FALSE(plain.value().with_pieces);
  const auto pieces = parse(R"({"content": "", "add_special": true, "parse_special": false, "with_pieces": true})");
  ASSERT_TRUE(pieces.ok());
  EXPECT_FALSE(pieces.value().parse_special);
  EXPECT_TRUE(pieces.value().with_pieces);
  EXPECT_EQ(parse("{}").error().param, "content");
  EXPECT_EQ(parse(R"({"content": 5})").error().param, "content");
  EXPECT_EQ(parse(R"({"content": "x", "with_pieces": 1})").error().param, "with_pieces");
  const std::vector<std::int32_t> ids = {5, 6};
  EXPECT_EQ(TokenizeAnswer(ids, {}).body, R"({"tokens":[5,6]})");
  const std::vector<std::string> said = {"a\"", "\xc3"};
  EXPECT_EQ(TokenizeAnswer(ids, said).body, R"({"tokens":[{"id":5,"piece":"a\""},{"id":6,"piece":[195]}]})");
  EXPECT_EQ(TokenizeAnswer({}, {}).body, R"({"tokens":[]})");
}

TEST(TextForms, Detokenize) {
  const auto parse = [](const char* text) { return ParseDetokenize(Json::Parse(text, "test").value()); };
  const auto ids = parse(R"({"tokens": [1, 2.0]})");
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(ids.value(), (std::vector<std::int32_t>{1, 2}));
  for (const char* wrong : {"{}", R"({"tokens": 5})", R"({"tokens": [-1]})", R"({"tokens": ["1"]})",
                            R"({"tokens": [1e10]})", R"({"tokens": [1.5]})"}) {
    ASSERT_FALSE(parse(wrong).ok()) << wrong;
    EXPECT_EQ(parse(wrong).error().param, "tokens");
  }
  EXPECT_EQ(DetokenizeAnswer("a\xff").body, "{\"content\":\"a\xef\xbf\xbd\"}");
  EXPECT_EQ(TemplateAnswer("a\n").body, R"({"prompt":"a\n"})");
}

}  // namespace
}  // namespace thimble::service
