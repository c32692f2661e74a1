"""What a user writes to make openai-agents durable with the public API: a model around a model, tools as calls.

Not here: agents, and anything that Kitaru's core would have to know about openai-agents.
"""

import functools
import inspect

from agents import Model, ModelResponse, Usage, set_tracing_disabled
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)
from pydantic import TypeAdapter
from world import paid

import kitaru

set_tracing_disabled(True)
RESPONSE = TypeAdapter(ModelResponse)
FINAL = TypeAdapter(Response)


class Scripted(Model):
    """Offline: `think(items)` gives what the model says to a conversation, a text or a list of tool calls."""

    def __init__(self, think):
        self.think = think

    def output(self, input):
        items = [item for item in input if isinstance(item, dict)] if isinstance(input, list) else []
        said = self.think(items)
        if isinstance(said, str):
            text = ResponseOutputText(text=said, type="output_text", annotations=[])
            return [ResponseOutputMessage(id="m", type="message", role="assistant", content=[text], status="completed")]
        return [
            ResponseFunctionToolCall(
                id=f"f{len(items)}-{n}", call_id=f"c{len(items)}-{n}", type="function_call", name=name, arguments=given
            )
            for n, (name, given) in enumerate(said)
        ]

    async def get_response(self, system_instructions, input, *rest, **more):
        return ModelResponse(output=self.output(input), usage=Usage(requests=1), response_id=None)

    async def stream_response(self, system_instructions, input, *rest, **more):
        output = self.output(input)
        for one in output:
            if isinstance(one, ResponseOutputMessage):
                for word in one.content[0].text.split():
                    yield ResponseTextDeltaEvent(
                        type="response.output_text.delta", delta=word, item_id=one.id, content_index=0,
                        output_index=0, sequence_number=0, logprobs=[],
                    )  # fmt: skip
        yield completed(output)


def completed(output):
    return ResponseCompletedEvent(
        type="response.completed",
        sequence_number=0,
        response=Response(
            id="r", created_at=0, model="scripted", object="response", output=output, tool_choice="auto", tools=[],
            parallel_tool_calls=True,
        ),
    )  # fmt: skip


class Durable(Model):
    """Every request is one call."""

    def __init__(self, wrapped):
        self.wrapped = wrapped

    async def get_response(self, system_instructions, input, *rest, **more):
        async def body():
            paid()
            return await self.wrapped.get_response(system_instructions, input, *rest, **more)

        codec = (lambda found: RESPONSE.dump_python(found, mode="json", exclude_unset=True), RESPONSE.validate_python)
        return await kitaru.call("model", body, identity=[system_instructions, plain(input)], codec=codec)

    async def stream_response(self, system_instructions, input, *rest, **more):
        async with kitaru.open_call("stream", identity=[system_instructions, plain(input)]) as call:
            if call.recorded:
                yield completed(FINAL.validate_python(call.value).output)
                return
            paid()
            async for event in self.wrapped.stream_response(system_instructions, input, *rest, **more):
                if event.type == "response.completed":
                    # Nothing comes after it, and who reads may stop here.
                    call.finish(event.response.model_dump(mode="json", exclude_unset=True))
                yield event


def plain(input):
    if not isinstance(input, list):
        return input
    return [item if isinstance(item, dict) else item.model_dump(mode="json") for item in input]


def durable(tool):
    """Every call of the tool is one call."""
    signature = inspect.signature(tool)

    @functools.wraps(tool)
    async def asynchronous(*args, **kwargs):
        async def body():
            return await tool(*args, **kwargs)

        return await kitaru.call(tool.__name__, body, identity=signature.bind(*args, **kwargs).arguments)

    @functools.wraps(tool)
    def synchronous(*args, **kwargs):
        identity = signature.bind(*args, **kwargs).arguments
        return kitaru.call(tool.__name__, lambda: tool(*args, **kwargs), identity=identity)

    return asynchronous if inspect.iscoroutinefunction(tool) else synchronous
