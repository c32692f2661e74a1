"""What a user writes to make pydantic-ai durable with the public API: a model wrapper and a tool wrapper.

Not here: agents, and anything that Kitaru's core would have to know about pydantic-ai.
"""

import contextlib
import functools
import inspect

from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, TextPart
from pydantic_ai.models import CompletedStreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from world import paid

import kitaru

VARYING = {"timestamp", "run_id", "conversation_id"}


def said(messages):
    """The conversation without what differs between two runs of the same program."""
    return bare(ModelMessagesTypeAdapter.dump_python(messages, mode="json"))


def bare(value):
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items() if key not in VARYING}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def dump(response):
    return ModelMessagesTypeAdapter.dump_python([response], mode="json")[0]


def load(data):
    return ModelMessagesTypeAdapter.validate_python([data])[0]


class Durable(WrapperModel):
    """Every request is one call."""

    async def request(self, messages, model_settings, model_request_parameters):
        async def body():
            paid()
            return await self.wrapped.request(messages, model_settings, model_request_parameters)

        return await kitaru.call("model", body, identity=said(messages), codec=(dump, load))

    @contextlib.asynccontextmanager
    async def request_stream(self, messages, model_settings, model_request_parameters, run_context=None):
        async with kitaru.open_call("stream", identity=said(messages)) as call:
            if call.recorded:
                yield CompletedStreamedResponse(
                    load(call.value), model_request_parameters=model_request_parameters, replay_events=True
                )
                return
            paid()
            async with self.wrapped.request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as stream:
                yield stream
                async for _ in stream:
                    pass
                call.finish(dump(stream.get()))


def durable(tool):
    """Every call of the tool is one call."""
    if inspect.iscoroutinefunction(tool):

        @functools.wraps(tool)
        async def asynchronous(**arguments):
            async def body():
                return await tool(**arguments)

            return await kitaru.call(tool.__name__, body, identity=arguments)

        return asynchronous

    @functools.wraps(tool)
    def synchronous(**arguments):
        return kitaru.call(tool.__name__, lambda: tool(**arguments), identity=arguments)

    return synchronous


# pydantic builds its serialisers at first use: once here, not once in every process of the sweep.
assert said([load(dump(ModelResponse(parts=[TextPart("x")])))])
