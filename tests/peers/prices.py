"""Prices Gemini answers as two published Python packages do: genai-prices and litellm.

Reads one JSON object a line from stdin: {"id", "backend", "model", "tier", "day", "body"}, body being an answer
as its backend sends it. Writes one object a line: {"id", "genai-prices", "litellm"}; a price is a decimal as
text, or a note that begins with "-" when the package has none. Nothing is fetched: both use the prices they
were published with.
"""

import datetime
import decimal
import json
import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import genai_prices
import litellm
from genai_prices import data_snapshot
from litellm.cost_calculator import batch_cost_calculator, cost_per_token
from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig

litellm.suppress_debug_info = True


def by_genai_prices(case):
    context = {"processing": "batch"} if case["tier"] == "batch" else None
    if case["tier"] in ("flex", "priority"):
        context = {"service_tier": case["tier"]}
    day = datetime.datetime.fromisoformat(case["day"] + "T12:00:00+00:00")
    found = data_snapshot.get_snapshot().extract_usage(case["body"], provider_id="google", api_flavor="default")
    price = genai_prices.calc_price(
        found.usage, case["model"], provider_id="google", genai_request_timestamp=day, price_context=context
    )
    return str(price.total_price)


def by_litellm(case):
    provider = "gemini" if case["backend"] == "developer" else "vertex_ai"
    usage = VertexGeminiConfig._calculate_usage(completion_response=case["body"])
    if case["tier"] == "batch":
        sides = batch_cost_calculator(usage, f"{provider}/{case['model']}", custom_llm_provider=provider)
        return str(sum(decimal.Decimal(repr(side)) for side in sides))
    sides = cost_per_token(
        model=f"{provider}/{case['model']}",
        custom_llm_provider=provider,
        usage_object=usage,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        service_tier=None if case["tier"] == "standard" else case["tier"],
    )
    return str(sum(decimal.Decimal(repr(side)) for side in sides))


def told(price, case):
    try:
        return price(case)
    except Exception as error:
        return f"- {type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"


for line in sys.stdin:
    case = json.loads(line)
    print(
        json.dumps(
            {"id": case["id"], "genai-prices": told(by_genai_prices, case), "litellm": told(by_litellm, case)}
        )
    )
