"""An MCP client made of the official package, of either major version, for tests: run by that package's interpreter.

``{"command": [...]}`` or ``{"url": ...}`` as its argument says which server. Then a line of JSON in asks something, and a
line of JSON out is what came of it. Not here: any expectation.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

import mcp
from mcp import StdioServerParameters

IS_2 = hasattr(mcp, "Client")


def plain(result: Any) -> Any:
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


@contextlib.asynccontextmanager
async def connected(asked: dict[str, Any]) -> Any:
    """Yields what has the methods of a session, and what the server said of itself."""
    params = None
    if "command" in asked:
        command, *args = asked["command"]
        params = StdioServerParameters(command=command, args=args, env=asked["env"], cwd=asked["cwd"])
    if IS_2:
        async with mcp.Client(params or asked["url"]) as client:
            yield client, {"protocol": client.protocol_version, "instructions": client.instructions}
        return
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamablehttp_client

    transport = stdio_client(params) if params else streamablehttp_client(asked["url"])
    async with transport as (read, write, *_), mcp.ClientSession(read, write) as session:
        info = await session.initialize()
        yield session, {"protocol": info.protocolVersion, "instructions": info.instructions}


async def serve(client: Any, about: dict[str, Any]) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        match asked.pop("do"):
            case "about":
                coming = asyncio.sleep(0, about)
            case "tools":
                coming = client.list_tools()
            case "call":
                coming = client.call_tool(asked["tool"], asked["arguments"])
            case "resources":
                coming = client.list_resources()
            case "templates":
                coming = client.list_resource_templates()
            case "read":
                coming = client.read_resource(asked["uri"])
            case "prompts":
                coming = client.list_prompts()
            case "prompt":
                coming = client.get_prompt(asked["name"], asked["arguments"])
        try:
            result = await coming
            told = {"result": result if isinstance(result, dict) else plain(result)}
        except Exception as error:
            told = {"error": str(error)}
        print(json.dumps(told), flush=True)


async def main() -> None:
    asked = json.loads(sys.argv[1])
    try:
        async with connected(asked) as (client, about):
            await serve(client, about)
    except BaseException as error:
        # The test reads why.
        print(json.dumps({"error": repr(error)}), flush=True)
        raise


asyncio.run(main())
