#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts `thimble serve`, fetches its page, asks one question over the API, and stops it.

    try_serve.py THIMBLE [MODEL]
"""
import json
import subprocess
import sys
import urllib.error
import urllib.request

QUESTION = "What is the capital of France?"
SECONDS = 120  # for a slow machine


def ask(url):
    body = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 40, "temperature": 0,
            "chat_template_kwargs": {"enable_thinking": False}}
    request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


def fetch_page(url):
    with urllib.request.urlopen(url + "/", timeout=SECONDS) as answer:
        kind = answer.headers.get_content_type()
        text = answer.read().decode()
    return len(text.encode()) if kind == "text/html" else None


def main(thimble, model):
    command = [thimble, "serve", *model, "--port", "0", "--json"]
    print("   $ " + " ".join(command))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline()
            if not line:
                sys.exit(f"thimble serve ended with status {server.wait()}")
            url = json.loads(line)["url"]
            page = fetch_page(url)
            print(f"   {url}/ is the page ({page} bytes of HTML)" if page else f"   {url} has no page (this build leaves it out)")
            print(f"   {QUESTION} {ask(url)}")
        finally:
            server.terminate()
        if server.wait(SECONDS) != 0:
            sys.exit(f"thimble serve ended with status {server.returncode}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2:])
    except urllib.error.URLError as error:
        sys.exit(f"the server did not answer: {error}")
