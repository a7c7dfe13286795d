# SPDX-License-Identifier: Apache-2.0
"""langchain-tests' integration tests of a chat model, with langchain-openai's client and our address."""
import os

from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestThimble(ChatModelIntegrationTests):
    chat_model_class = ChatOpenAI
    # By default the client streams without usage where the address is not OpenAI's; thinking would be other text.
    chat_model_params = {
        "model": "another-name",  # the model here answers to any
        "base_url": os.environ["TEST_API_BASE_URL"],
        "api_key": os.environ["TEST_API_KEY"],
        "temperature": 0,
        "stream_usage": True,
        "max_tokens": 256,
        "extra_body": {"chat_template_kwargs": {"enable_thinking": False}},
    }
    has_tool_calling = True
    has_tool_choice = True
    has_structured_output = True
    structured_output_kwargs = {"method": "json_schema"}
    supports_json_mode = True
    supports_model_override = True
    model_override_value = "thimble"
    returns_usage_metadata = True
    # These tests fetch their pictures from the internet; pictures are tested elsewhere.
    supports_image_inputs = False
    supports_image_urls = False
    supports_anthropic_inputs = False
