// SPDX-License-Identifier: Apache-2.0
#include "engine/memory_budget.h"

#include "engine/session.h"
#include "model/state.h"
#include "session_tools.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace thimble::testing {
namespace {

TEST(MemoryBudget, WhatIsPromisedIsNotFree) {
  std::uint64_t free = 1000;
  MemoryBudget budget([&free] { return free; });
  EXPECT_FALSE(budget.Lacks(1000).has_value());
  MemoryBudget::Promise promise;
  EXPECT_FALSE(budget.Reserve(100, 600, &promise).has_value());
  EXPECT_EQ(budget.promised(), 600u);
  const auto shortage = budget.Lacks(401);
  ASSERT_TRUE(shortage.has_value());
  EXPECT_EQ(shortage->needed, 401u);
  EXPECT_EQ(shortage->free, 400u);
  // It takes some of what it was promised: less is free, and less is promised.
  free = 700;
  promise.Set(300);
  EXPECT_FALSE(budget.Lacks(400).has_value());
  EXPECT_TRUE(budget.Lacks(401).has_value());
  {
    MemoryBudget::Promise second;
    EXPECT_TRUE(budget.Reserve(101, 300, &second).has_value());
    EXPECT_EQ(budget.promised(), 300u) << "what was refused is not promised";
    EXPECT_FALSE(budget.Reserve(100, 300, &second).has_value());
  }
  EXPECT_EQ(budget.promised(), 300u) << "a promise that is gone";
}

TEST(MemoryBudget, WhereNobodyKnowsEverythingFits) {
  MemoryBudget budget([] { return std::uint64_t{0}; });
  EXPECT_FALSE(budget.Lacks(~std::uint64_t{0}).has_value());
}

TEST(MemoryBudget, SavingsGoBeforeAnythingIsRefused) {
  std::uint64_t free = 100;
  int num_given = 0;
  MemoryBudget budget([&free] { return free; });
  budget.SetSavings([&] {
    ++num_given;
    free += 50;
  });
  EXPECT_FALSE(budget.Lacks(100).has_value());
  EXPECT_EQ(num_given, 0);
  EXPECT_FALSE(budget.Lacks(150).has_value());
  EXPECT_EQ(num_given, 1);
  EXPECT_TRUE(budget.Lacks(1000).has_value());
  EXPECT_EQ(num_given, 2);
}

TEST(MemoryBudget, AContextThatFits) {
  // 300 are needed anyway, 10 bytes a token.
  const auto context = ContextThatFits({300 + 40960, 300 + 25000}, 40960, 4096);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->kind, Advice::kLowerContext);
  EXPECT_EQ(context->value, 2048);
  EXPECT_FALSE(ContextThatFits({300 + 40960, 300 + 9000}, 40960, 4096).has_value()) << "less than a thousand";
  EXPECT_FALSE(ContextThatFits({300 + 40960, 200}, 40960, 4096).has_value());
}

// An engine that believes what it is told about free memory.
class BudgetOfSessionsTest : public ::testing::Test {
 protected:
  BudgetOfSessionsTest() {
    host::OpenOptions options;
    options.model = Fixture("models/text-tied");
    options.threads = 1;
    options.free_memory = [this] { return free_; };
    engine_ = Get(host::OpenModel(options));
    const ModelConfig& config = engine_->config();
    kv_ = DecoderState::KvBytes(config, engine_->context(), KvType::kF16);
    session_ = kv_ + DecoderState::RecurrentBytes(config) +
               Session::kMaxCheckpoints *
                   (DecoderState::RecurrentBytes(config) / 2 + DecoderState::KvBytes(config, 1, KvType::kF16));
  }

  std::uint64_t free_ = std::uint64_t{1} << 40;
  std::uint64_t kv_ = 0;
  std::uint64_t session_ = 0;
  std::shared_ptr<const Engine> engine_;
};

TEST_F(BudgetOfSessionsTest, ASecondOneHasToFitBesideWhatTheFirstOneHasYetToTake) {
  free_ = session_;
  auto first = engine_->NewSession();
  ASSERT_TRUE(first.ok()) << first.error().message;
  free_ = 2 * session_ - DecoderState::RecurrentBytes(engine_->config()) - 1;
  const auto refused = engine_->NewSession();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_NE(refused.error().message.find("a conversation of"), std::string::npos) << refused.error().message;
  ASSERT_EQ(refused.error().advice.size(), 1u);
  EXPECT_EQ(refused.error().advice[0].kind, Advice::kLowerContext);
  EXPECT_LT(refused.error().advice[0].value, engine_->context());
  first.value().reset();
  EXPECT_TRUE(engine_->NewSession().ok()) << "what is gone is promised no more";
}

TEST_F(BudgetOfSessionsTest, WhatAConversationHasTakenIsPromisedNoMore) {
  free_ = session_;
  const auto first = Get(engine_->NewSession());
  GenerateRequest request = Ask("", 1);
  request.prompt = PromptIds{std::vector<std::int32_t>(static_cast<std::size_t>(engine_->context()) / 2, 5), {}};
  Get(first->Generate(request, kNoSink));
  // The gauge says the same as before: as if others had given back what the half of the context takes.
  EXPECT_FALSE(engine_->NewSession().ok());
  free_ = 2 * session_ - DecoderState::RecurrentBytes(engine_->config()) - kv_ / 2 + kv_ / 50;
  EXPECT_TRUE(engine_->NewSession().ok());
}

}  // namespace
}  // namespace thimble::testing
