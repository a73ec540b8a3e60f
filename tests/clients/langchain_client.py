"""langchain_client.py BASE_URL MODEL: LangChain's ChatOpenAI and OpenAIEmbeddings against a running service."""
import importlib.metadata
import sys
from typing import Literal

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

base, model = sys.argv[1], sys.argv[2]
settings = {"base_url": f"{base}/v1", "api_key": "unused", "max_retries": 0}
chat = ChatOpenAI(model=f"{model}:plain", temperature=0, max_tokens=12, **settings)

answer = chat.invoke("Name a colour.")
assert answer.content and answer.usage_metadata["input_tokens"] > 0, answer
streamed = list(chat.stream("Name a colour."))
assert "".join(chunk.content for chunk in streamed) == answer.content, streamed
assert len(chat.batch(["One, two,", "Red, green,"])) == 2
known = chat.bind(logprobs=True, top_logprobs=2).invoke("Name a colour.")
assert len(known.response_metadata["logprobs"]["content"][0]["top_logprobs"]) == 2, known
assert ChatOpenAI(model=model, **settings).invoke("Name a colour.").content


class Paint(BaseModel):
    """A paint."""

    colour: Literal["red", "green"]
    coats: Literal[1, 2, 3]


free = ChatOpenAI(model=model, temperature=1, seed=4, **settings)
for method in ("json_schema", "function_calling"):
    paint = free.with_structured_output(Paint, method=method).invoke("A red paint for two coats.")
    assert isinstance(paint, Paint), (method, paint)


@tool
def weather(town: Literal["Beaune", "Dijon"]) -> str:
    """The weather of a town."""
    return "12 degrees"


called = free.bind_tools([weather], tool_choice="weather").invoke("How is the weather in Beaune?")
assert called.tool_calls[0]["name"] == "weather" and called.tool_calls[0]["args"]["town"] in ("Beaune", "Dijon"), called
call = called.tool_calls[0]
follow = chat.bind_tools([weather]).invoke(
    [HumanMessage("How is the weather?"), called, ToolMessage("12 degrees", tool_call_id=call["id"])]
)
assert follow.content or follow.tool_calls, follow

# The encoder's tokens are not those of OpenAI's models: texts are sent as texts.
encoder = OpenAIEmbeddings(model="all-MiniLM-L6-v2", check_embedding_ctx_length=False, **settings)
assert len(encoder.embed_documents(["a quince", "a heron"])) == 2
print(f"langchain-openai {importlib.metadata.version('langchain-openai')}: all checks hold")
