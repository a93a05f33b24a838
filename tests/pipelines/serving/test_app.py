"""The HTTP service: captions and answers for programs, limits, the token, and bodies that nobody should send."""

import base64
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioner.errors import UserError
from pipelines.serving.metrics import ServiceMetrics
from pipelines.serving.service import ServedModel, Service, ServiceLimits
from tests.support_serving import (
    LIMITS,
    SETTINGS,
    BlindVisualQA,
    PlainCaptioner,
    StubCaptioner,
    StubVisualQA,
    encoded,
    file_of,
    service_of,
    source,
)

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from pipelines.serving.app import create_app


@pytest.fixture(scope="module")
def service():
    service = service_of(("photos", StubCaptioner), ("photos-vqa", StubVisualQA))
    yield service
    service.close()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(create_app(service))


def test_images_come_as_base64_or_as_files_of_a_form(client):
    asked = {"images": [encoded(200), encoded(10)], "options": {"candidates": 2, "num_beams": 2}}
    expected = [
        {"caption": "shade 200 0", "score": -1.0,
         "candidates": [{"caption": f"shade 200 {n}", "score": -1.0} for n in (0, 1)]},
        {"caption": "shade 10 0", "score": -3.0, "unsure": True,
         "candidates": [{"caption": f"shade 10 {n}", "score": -3.0} for n in (0, 1)]},
    ]  # fmt: skip
    assert client.post("/v1/captions", json=asked).json() == {"model": "photos", "captions": expected}
    files = [("images", ("a.png", file_of(200))), ("image", ("../b.png", file_of(10)))]
    form = client.post("/v1/captions", files=files, data={"options": json.dumps(asked["options"])})
    assert form.json()["captions"] == expected


def test_attention_is_a_map_over_the_grid_before_each_word(client):
    asked = {"images": [encoded()], "attention": True, "options": {"candidates": 2}}
    (entry,) = client.post("/v1/captions", json=asked).json()["captions"]
    first = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert entry["words"] == ["shade", "200", "0"] and len(entry["attention"]) == 3 and entry["attention"][0] == first
    assert [len(each["attention"]) for each in entry["candidates"]] == [3, 3]
    form = client.post("/v1/captions", files=[("images", file_of())], data={"attention": "true"}).json()
    assert form["captions"][0]["attention"] == entry["attention"]
    assert "attention" not in client.post("/v1/captions", json={"images": [encoded()]}).json()["captions"][0]
    assert client.post("/v1/captions", json={**asked, "attention": "yes"}).status_code == 422


def test_attention_of_answers_or_what_they_hang_on():
    """A model without attention covers the picture: grey on a grey picture changes nothing."""
    service = service_of(("words", StubVisualQA), ("blind", BlindVisualQA))
    client = TestClient(create_app(service))
    asked = {"questions": ["what is it?"], "attention": True}

    def maps(**more):
        (answer,) = client.post("/v1/answers", json={**asked, **more}).json()["answers"]
        return answer["attention"]

    attended = maps(image=encoded(200), model="words")
    assert attended["labels"] == ["what", "is", "it"] and len(attended["weights"]) == 3
    decisive, indecisive = maps(image=encoded(200), model="blind"), maps(image=encoded(128), model="blind")
    assert decisive["weights"] == [[[0.75] * 7] * 7] and indecisive["weights"] == [[[0.0] * 7] * 7]
    assert decisive["labels"] != indecisive["labels"]
    service.close()


def test_a_model_without_attention_says_so():
    service = service_of(("plain", PlainCaptioner))
    refused = TestClient(create_app(service)).post("/v1/captions", json={"images": [encoded()], "attention": True})
    assert refused.status_code == 422 and "plain has no attention" in refused.json()["error"]["message"]
    service.close()


def test_exported_networks_have_no_attention():
    model = ServedModel("fast", source(SETTINGS, StubCaptioner, keras=False), LIMITS, ServiceMetrics())
    with pytest.raises(UserError, match="Attention needs a preset and the engine keras"):
        model.caption([], model.generation(), attention=True)
    model.close()


def test_one_broken_image_is_422_and_among_several_it_is_an_entry(client):
    broken = base64.b64encode(b"no image").decode()
    alone = client.post("/v1/captions", json={"images": [broken]})
    assert alone.status_code == 422 and "not an image" in alone.json()["error"]["message"]
    several = client.post("/v1/captions", json={"images": [broken, encoded(), encoded(200, 200)]}).json()["captions"]
    assert [next(iter(entry)) for entry in several] == ["error", "caption", "error"]
    assert "too large" in several[2]["error"]


def test_answers_with_choices(client):
    asked = {"image": encoded(30), "questions": ["what is it?"], "choices": ["cat", "dog"], "top": 2}
    assert client.post("/v1/answers", json=asked).json()["answers"] == [
        {"question": "what is it?", "answers": [{"answer": "what is it? 30", "probability": 0.75},
                                                {"answer": "cat", "probability": 0.25}]}
    ]  # fmt: skip
    assert client.post("/v1/answers", json={**asked, "choices": ["cat"]}).status_code == 422
    assert client.post("/v1/answers", json={**asked, "questions": ["?"]}).status_code == 422


@pytest.mark.parametrize("image", ["http://127.0.0.1/a.jpg", "https://a.b/c.png", "file:///etc/passwd", "/etc/passwd",
                                   "ftp://a/b", "data:text/plain,hello", "../../secret.png"])  # fmt: skip
def test_nothing_is_fetched_and_no_path_is_read(client, image, monkeypatch):
    import builtins
    import socket

    def forbidden(*arguments, **keywords):
        raise AssertionError(f"{arguments} was opened")

    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(builtins, "open", forbidden)
    content = [{"type": "image_url", "image_url": {"url": image}}]
    for path, asked in (
        ("/v1/captions", {"images": [image]}),
        ("/v1/answers", {"image": image, "questions": ["what is it?"]}),
        ("/api/generate", {"model": "photos", "prompt": "x", "images": [image]}),
        ("/v1/chat/completions", {"model": "photos", "messages": [{"role": "user", "content": content}]}),
    ):
        assert client.post(path, json=asked).status_code == 422, path
    assert client.post("/v1/captions", json={"images": [], "url": image}).status_code == 422
    assert client.post("/v1/captions", json={"images": [], "path": image}).status_code == 422


def test_limits(client):
    large = client.post("/v1/captions", content=b" " * 100_001)
    assert large.status_code == 413 and "100,000 bytes" in large.json()["error"]["message"]

    def parts():
        yield from [b" " * 60_000] * 3

    assert client.post("/v1/captions", content=parts()).status_code == 413, "a body without a length"
    many = client.post("/v1/captions", json={"images": [encoded()] * 4})
    assert many.status_code == 422 and "1 to 3 images; received 4" in many.json()["error"]["message"]


def test_a_full_queue_is_503_with_a_time_to_come_again(service):
    crowded = {
        "photos": ServedModel("photos", source(SETTINGS, StubCaptioner), ServiceLimits(queue=1), service.metrics)
    }
    client = TestClient(create_app(Service(crowded, LIMITS, service.metrics)))
    refused = client.post("/v1/captions", json={"images": [encoded(), encoded()]})
    assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
    assert client.post("/v1/captions", json={"images": [encoded()]}).status_code == 200


def test_a_full_service_decodes_nothing(service):
    """Wrong if requests that are refused cost the time of those that are served."""
    full = ServedModel("photos", source(SETTINGS, StubCaptioner), ServiceLimits(queue=1), service.metrics)
    full.decode = lambda data: pytest.fail("an image was decoded for a request that is refused")
    client = TestClient(create_app(Service({"photos": full}, LIMITS, service.metrics)))
    assert client.post("/v1/captions", json={"images": [encoded(), encoded()]}).status_code == 503


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 2), (3, 4), (5, 6), (6, 6)])
def test_a_batch_is_padded_to_the_next_size_only(count, size):
    """Wrong if two clients wait for as many images as eight: padding costs as much as images do."""
    sizes = []

    class Sized(StubCaptioner):
        def encode(self, pixels, batch_size):
            sizes.append(batch_size)
            return super().encode(pixels, batch_size)

    model = ServedModel("photos", source(SETTINGS, Sized), LIMITS, ServiceMetrics(), 6)
    model.load()
    assert sizes == [1, 2, 4, 6], "a client would wait for a size to be compiled"
    [future.result(10) for future in model.caption([np.zeros((8, 8, 3), np.uint8)] * count, model.generation())]
    assert sizes[4:] == [size]
    model.close()


def test_a_token_covers_all_but_the_health(service):
    client = TestClient(create_app(service, token="sésame"))
    for path in ("/v1/models", "/docs", "/openapi.json", "/metrics", "/api/tags"):
        assert client.get(path).status_code == 401, path
        assert client.get(path, headers={"Authorization": "Bearer no"}).status_code == 401
        assert client.get(path, headers={"Authorization": "Bearer sésame".encode()}).status_code == 200, path
    assert client.post("/v1/captions", json={"images": [encoded()]}).status_code == 401
    assert client.get("/healthz").status_code == 200


def test_ollamas_form(client):
    asked = {"model": "photos:latest", "prompt": "Describe.", "images": [encoded(90)], "stream": False}
    answer = client.post("/api/generate", json=asked).json()
    assert (answer["response"], answer["done"], answer["model"]) == ("shade 90 0", True, "photos:latest")
    lines = client.post("/api/generate", json={**asked, "stream": True}).text.splitlines()
    assert "".join(json.loads(line)["response"] for line in lines) == "shade 90 0" and json.loads(lines[-1])["done"]
    question = client.post("/api/generate", json={**asked, "prompt": "what is it? "}).json()
    assert question["response"] == "what is it? 90"
    assert [model["name"] for model in client.get("/api/tags").json()["models"]] == [
        "photos:latest",
        "photos-vqa:latest",
    ]
    assert "version" in client.get("/api/version").json()


def test_openais_form(client):
    url = f"data:image/png;base64,{encoded(90)}"
    content = [{"type": "text", "text": "Describe."}, {"type": "image_url", "image_url": {"url": url}}]
    asked = {"model": "photos", "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": content}]}
    answer = client.post("/v1/chat/completions", json=asked).json()
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "shade 90 0"}
    stream = client.post("/v1/chat/completions", json={**asked, "stream": True})
    events = [line.removeprefix("data: ") for line in stream.text.split("\n\n") if line]
    assert events[-1] == "[DONE]" and stream.headers["content-type"].startswith("text/event-stream")
    assert "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events[:-1]) == "shade 90 0"
    no_image = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hello"}]})
    assert no_image.status_code == 422 and "There is no image" in no_image.json()["error"]["message"]


def test_metrics_and_documentation(client):
    client.post("/v1/captions", json={"images": [encoded()]})
    text = client.get("/metrics").text
    assert 'captioner_requests_total{route="/v1/captions",status="200"}' in text and "captioner_batch_size_sum" in text
    page = client.get("/docs").text
    assert "POST /v1/captions" in page and "http://" not in page.replace("http://127.0.0.1:8000", "")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["model", "images", "options", "image", "questions", "choices", "top", "prompt", "stream", "messages"]
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5)
BODIES = (JSON | OBJECTS).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
PATHS = st.sampled_from(["/v1/captions", "/v1/answers", "/api/generate", "/v1/chat/completions"])
TYPES = st.sampled_from(["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain"])


def check_answer(client, path, body, content_type):
    answer = client.post(path, content=body, headers={"content-type": content_type})
    if answer.status_code != 200:  # Ollama's clients load a model with an empty prompt
        assert 400 <= answer.status_code < 500 and answer.json()["error"]["message"]


@given(path=PATHS, body=BODIES, content_type=TYPES)
def test_whatever_is_sent_is_answered_with_a_sentence(client, path, body, content_type):
    """Wrong types, numbers without end, truncated forms: never a traceback, never status 500."""
    check_answer(client, path, body, content_type)


@pytest.mark.long
@settings(max_examples=10_000)
@given(path=PATHS, body=BODIES, content_type=TYPES)
def test_ten_thousand_bodies_are_answered_with_sentences(client, path, body, content_type):
    check_answer(client, path, body, content_type)


@pytest.mark.parametrize("body", [b"[" * 90_000, b'{"images": ["' + b"A" * 90_000, b'{"top": ' + b"9" * 5_000 + b"}"])
def test_deep_and_long_json_is_answered(client, body):
    for path in ("/v1/captions", "/v1/answers"):
        assert client.post(path, content=body, headers={"content-type": "application/json"}).status_code in (400, 422)


def test_the_bodies_of_all_clients_together_are_bounded():
    """Wrong if a hundred clients that each send the largest body take a hundred times its memory."""
    metrics = ServiceMetrics()
    limits = dataclasses.replace(LIMITS, bodies=50_000)
    model = ServedModel("photos", source(SETTINGS, StubCaptioner), limits, metrics, 2)
    service = Service({"photos": model}, limits, metrics)
    with TestClient(create_app(service)) as client:
        for _ in range(3):  # nothing is left of a request that was refused
            answer = client.post("/v1/captions", content=b" " * 60_000)
            assert answer.status_code == 503 and "Too many requests wait" in answer.json()["error"]["message"]
            assert client.post("/v1/captions", json={"images": [encoded()]}).status_code == 200
    service.close()


def test_options_that_would_be_computed_for_hours_are_refused(client):
    for options in ({"bad_words": ["a dog"] * 2000}, {"bad_words": ["a dog " * 400]}, {"no_repeat_ngram_size": 1000},
                    {"num_beams": 100_000}, {"max_words": 10**6}):  # fmt: skip
        assert client.post("/v1/captions", json={"images": [encoded()], "options": options}).status_code == 422
