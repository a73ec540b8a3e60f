"""openai_client.py BASE_URL MODEL: OpenAI's own Python client against a running service."""
import enum
import sys
from typing import Annotated

import openai
from pydantic import BaseModel, Field

base, model = sys.argv[1], sys.argv[2]
plain = f"{model}:plain"
client = openai.OpenAI(base_url=f"{base}/v1", api_key="unused", max_retries=0)
user = [{"role": "user", "content": "Name a colour."}]
checks = 0


def check(holds, what):
    global checks
    assert holds, what
    checks += 1


def refused(kind, param, call):
    try:
        call()
    except kind as error:
        check(error.param == param, f"{error.param} instead of {param}: {error}")
        check(bool(error.code) and bool(error.type), str(error.body))
        return
    raise AssertionError(f"{kind.__name__} was expected for {param}")


# Models
names = [entry.id for entry in client.models.list()]
check(model in names and plain in names, names)
check(client.models.retrieve(plain).id == plain, "retrieve")

# Chat: from the documents, by itself, streamed
grounded = client.chat.completions.create(model=model, messages=user)
check(grounded.grounded is True and grounded.choices[0].finish_reason == "stop", grounded)
whole = client.chat.completions.create(model=plain, messages=user, temperature=0, max_completion_tokens=12)
check(whole.choices[0].message.content and whole.grounded is False, whole)
check(whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens, whole.usage)
stream = client.chat.completions.create(
    model=plain, messages=user, temperature=0, max_tokens=12, stream=True, stream_options={"include_usage": True}
)
chunks = list(stream)
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
check(text == whole.choices[0].message.content, text)
check(chunks[-1].usage.total_tokens == whole.usage.total_tokens, chunks[-1])
many = client.chat.completions.create(model=plain, messages=user, n=3, seed=1, temperature=1.2, max_tokens=8)
check([choice.index for choice in many.choices] == [0, 1, 2], many)

# Log-probabilities
known = client.chat.completions.create(
    model=plain, messages=user, temperature=0, max_tokens=6, logprobs=True, top_logprobs=4
)
tokens = known.choices[0].logprobs.content
check("".join(token.token for token in tokens) == known.choices[0].message.content, tokens)
check(all(len(token.top_logprobs) == 4 and token.logprob <= 0 for token in tokens), tokens)
biased = client.completions.create(model=model, prompt="One, two,", max_tokens=3, temperature=0, logit_bias={"30": 100})
check(len(set(biased.choices[0].text)) == 1 and len(biased.choices[0].text) == 3, biased)


# Structured output
class Colour(str, enum.Enum):
    red = "red"
    green = "green"


class Paint(BaseModel):
    colour: Colour
    coats: int = Field(ge=1, le=4)
    names: list[Annotated[str, Field(max_length=8)]] = Field(min_length=1, max_length=2)
    note: Annotated[str, Field(max_length=12)] | None


parsed = client.beta.chat.completions.parse(
    model=model, messages=user, response_format=Paint, temperature=0.7, seed=3, frequency_penalty=1.0
)
check(isinstance(parsed.choices[0].message.parsed, Paint), parsed)
with client.beta.chat.completions.stream(
    model=model, messages=user, response_format=Paint, temperature=0.7, seed=3, frequency_penalty=1.0
) as events:
    final = events.get_final_completion()
check(final.choices[0].message.parsed == parsed.choices[0].message.parsed, final)
regex = client.chat.completions.create(
    model=model, messages=user, extra_body={"response_format": {"type": "regex", "regex": "[a-c]{4}"}}
)
check(len(regex.choices[0].message.content) == 4 and set(regex.choices[0].message.content) <= set("abc"), regex)


# Tools
class Weather(BaseModel):
    """The weather of a town."""

    town: Colour
    days: int = Field(ge=1, le=7)


tools = [openai.pydantic_function_tool(Weather)]
called = client.beta.chat.completions.parse(model=model, messages=user, tools=tools, tool_choice="required")
call = called.choices[0].message.tool_calls[0]
check(isinstance(call.function.parsed_arguments, Weather) and called.choices[0].finish_reason == "tool_calls", called)
conversation = user + [called.choices[0].message.model_dump(exclude_none=True)]
conversation += [{"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}]
free = client.chat.completions.create(model=model, messages=conversation, tools=tools, max_tokens=10)
check(free.choices[0].finish_reason in ("stop", "length", "tool_calls"), free)
named = {"type": "function", "function": {"name": "Weather"}}
with client.beta.chat.completions.stream(model=model, messages=user, tools=tools, tool_choice=named) as events:
    final = events.get_final_completion()
check(final.choices[0].message.tool_calls[0].function.name == "Weather", final)

# Completions and embeddings
two = client.completions.create(model=model, prompt=["One, two,", "Red, green,"], max_tokens=5, temperature=0, logprobs=2)
check(len(two.choices) == 2 and len(two.choices[0].logprobs.tokens) <= 5, two)
streamed = client.completions.create(model=model, prompt="One, two,", max_tokens=5, temperature=0, stream=True)
check("".join(chunk.choices[0].text for chunk in streamed) == two.choices[0].text, two)
encoder = next(name for name in names if not name.startswith(model))
vectors = client.embeddings.create(model=encoder, input=["a quince", "a heron"])
check(len(vectors.data) == 2 and len(vectors.data[0].embedding) > 100, "embeddings")

# Errors
ask = client.chat.completions.create
bad = {"type": "object", "properties": {"a": {"not": {}}}}
bad = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": bad}}
refused(openai.NotFoundError, "model", lambda: ask(model="gpt-4", messages=user))
refused(openai.BadRequestError, "messages", lambda: ask(model=plain, messages=[]))
refused(openai.BadRequestError, "response_format", lambda: ask(model=model, messages=user, response_format=bad))
refused(openai.BadRequestError, "temperature", lambda: ask(model=plain, messages=user, temperature=50))
long = [{"role": "user", "content": "word " * 9000}]
refused(openai.BadRequestError, "messages", lambda: ask(model=plain, messages=long))
refused(openai.BadRequestError, "suffix", lambda: client.completions.create(model=model, prompt="x", suffix="y"))
print(f"openai {openai.__version__} (Python): {checks} checks hold")
