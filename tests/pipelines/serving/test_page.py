"""The page: what its events show, and what gradio's own endpoints may no longer do."""

import base64
import io
import json
import logging
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'captioner[serve]'")
from starlette.testclient import TestClient

from pipelines.serving.app import create_app
from pipelines.serving.page.blocks import Page
from pipelines.serving.page.events import CONTROLS, default_controls
from pipelines.serving.page.html import Bar, Row, bars_html, csv_link, table_html
from pipelines.serving.page.uploads import Uploads
from pipelines.serving.service import ServiceLimits
from tests.support_serving import BlindVisualQA, StubVisualQA, WordyCaptioner, file_of, service_of

LIMITS = ServiceLimits(
    body=100_000, images=3, questions=2, pixels=10_000, queue=8, seconds=20, upload=150_000, uploads=400_000
)
JOIN, UPLOAD, FILE = "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/file="
MODELS = (("photos", WordyCaptioner), ("answers", StubVisualQA))


class Visitor:
    """A browser, without its window: speaks to the page as gradio's client does."""

    def __init__(self, service, token=None, **options):
        self.service, self.page = service, Page(service, **options)
        self.client = TestClient(create_app(service, token, self.page), raise_server_exceptions=True)

    def __enter__(self):
        self.client.__enter__()
        self.config = self.client.get("/config").json()
        return self

    def __exit__(self, *error):
        self.client.__exit__(*error)
        self.service.close()

    def upload(self, content, name="picture.png"):
        (path,) = self.client.post(UPLOAD, files=[("files", (name, content))]).json()
        return {"path": path, "orig_name": name, "url": f"http://testserver{FILE}{path}", "meta": FILE_DATA}

    def number(self, name, event="click"):
        """The number of the event that a component of a name triggers."""
        ids = {each["props"].get("elem_id"): each["id"] for each in self.config["components"]}
        return next(each["id"] for each in self.config["dependencies"] if [ids[name], event] in each["targets"])

    def send(self, number, data, session="visitor", **more):
        return self.client.post(JOIN, json={"fn_index": number, "session_hash": session, "data": data, **more})

    def messages(self, number, data, **more):
        """All that the event stream says of an event."""
        assert self.send(number, data, **more).status_code == 200
        stream = self.client.get("/gradio_api/queue/data", params={"session_hash": "visitor"}).text
        return [json.loads(line.removeprefix("data: ")) for line in stream.split("\n\n") if line]

    def event(self, number, data, **more):
        """What an event gives, or the error that people see."""
        (done,) = [each for each in self.messages(number, data, **more) if each["msg"] == "process_completed"]
        return done["output"]["data"] if done["success"] else done["output"]["error"]

    def caption(self, picture, **changes):
        values = dict(zip(CONTROLS, default_controls(self.service.named(None, "captioner")), strict=True))
        return self.event(self.number("again"), [picture, "photos", *(values | changes).values()])


FILE_DATA = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def visitor():
    with Visitor(service_of(*MODELS, limits=LIMITS)) as visitor:
        yield visitor


def texts(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


# What people see.


def test_a_picture_gets_its_caption_candidates_and_maps(visitor):
    caption, candidates, attention = visitor.caption(visitor.upload(file_of()))
    assert texts(caption) == "beams 3 groups 1 words 1 22 with without"
    assert re.findall(r"\d+\.\d %<", candidates) == ["60.7 %<", "36.8 %<", "22.3 %<"]  # exp(-0.5), exp(-1), exp(-1.5)
    words = ["the picture", *["beams", "3", "groups", "1", "words", "1", "22", "with", "without"]]
    assert re.findall(r'aria-pressed="\w+">([^<]*)<', attention) == words
    assert attention.count("<img") == len(words) and f'max="{len(words) - 1}"' in attention


def test_without_a_picture_there_is_a_hint(visitor):
    caption, candidates, attention = visitor.caption(None)
    assert "Choose a picture" in caption and not candidates and not attention


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"num_beams": 4, "num_beam_groups": 2}, "beams 4 groups 2 words 1 22 with without"),
        ({"min_words": 3, "max_words": 9}, "beams 3 groups 1 words 3 9 with without"),
        ({"force_words": "dog", "bad_words": " a ,"}, "beams 3 groups 1 words 1 22 with dog without a"),
        ({"do_sample": True, "temperature": 0.5, "top_k": 7, "top_p": 0.9, "seed": 3}, "sampled 0.5 7 0.9 seed 3"),
        ({"do_sample": True, "num_beams": 1, "candidates": 9}, "sampled 1.0 0 1.0 seed 0"),
    ],
)
def test_each_control_reaches_the_search(visitor, changes, expected):
    assert texts(visitor.caption(visitor.upload(file_of()), **changes)[0]) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"candidates": 5}, "3 beams give 1 to 3 candidates; received 5"),
        ({"min_words": 9, "max_words": 3}, "at least 9 and at most 3 words"),
        ({"num_beam_groups": 2}, "cannot be shared out to 2 groups"),
        ({"do_sample": True, "force_words": "dog"}, "need a search"),
        ({"force_words": "<img src=x>"}, "the word &#x27;&lt;&#x27;"),  # messages are HTML
        ({"num_beams": {"a": 1}}, "num_beams"),
        ({"num_beams": 10**30}, "more than 64 bits"),
        ({"temperature": None, "do_sample": True}, None),
    ],
)
def test_what_contradicts_itself_is_a_sentence(visitor, changes, expected):
    answer = visitor.caption(visitor.upload(file_of()), **changes)
    if expected is not None:
        assert isinstance(answer, str) and expected in answer and "<img" not in answer


def test_a_question_gets_answers_with_probabilities_and_maps(visitor):
    values = [visitor.upload(file_of(30)), "answers", "what is it?", "cat, dog", True]
    answers, maps = visitor.event(visitor.number("ask"), values)
    assert texts(answers) == "what is it? 30 Answers what is it? 30 75.0 % cat 25.0 % dog 25.0 %"
    assert re.findall(r'aria-pressed="\w+">([^<]*)<', maps) == ["the picture", "what", "is", "it"]
    values[2:] = ["what is it?", "", False]
    assert visitor.event(visitor.number("ask"), values)[1] == ""
    assert "cannot be answered" in visitor.event(visitor.number("ask"), [*values[:3], "cat", False])
    assert "no words" in visitor.event(visitor.number("ask"), [*values[:2], "?!", "", False])
    assert "Choose a picture" in visitor.event(visitor.number("ask"), [None, *values[1:]])[0]


def test_without_attention_the_picture_is_covered():
    with Visitor(service_of(("blind", BlindVisualQA), limits=LIMITS)) as visitor:
        ask = [visitor.upload(file_of(200)), "blind", "what is it?", "", True]
        _, maps = visitor.event(visitor.number("ask"), ask)
        assert "What the answer hangs on" in maps and "points of probability" in maps
        assert (
            "Nothing in the picture"
            in visitor.event(visitor.number("ask"), [visitor.upload(file_of(128)), *ask[1:]])[1]
        )


def test_exported_models_are_served_without_attention():
    with Visitor(service_of(*MODELS, limits=LIMITS, keras=False)) as visitor:
        caption, _, attention = visitor.caption(visitor.upload(file_of()))
        assert texts(caption).startswith("beams 3") and not attention
        (box,) = [each for each in visitor.config["components"] if each["props"].get("elem_id") == "question-attention"]
        assert not box["props"]["visible"] and not box["props"]["value"]
        asked = [visitor.upload(file_of()), "answers", "what is it?", "", False]
        assert "75.0 %" in visitor.event(visitor.number("ask"), asked)[0]


def test_many_pictures_are_a_table_and_a_csv(visitor):
    good = [visitor.upload(file_of(shade), f"{shade}.png") for shade in (10, 20)]
    files = [*good, visitor.upload(b"no picture", "=1+1<b>.png"), visitor.upload(file_of(5, 200), "large.png")]
    messages = visitor.messages(visitor.number("many-write"), [files, "photos"])
    done = messages[-2]["output"]["data"]
    table, link = done
    assert "4 of 4 pictures" in table and "<b>" not in table and "too large" in table
    assert any("2 of 4 pictures" in json.dumps(each) for each in messages), "the table grows"
    saved = base64.b64decode(re.search(r'base64,([^"]*)"', link)[1]).decode().splitlines()
    assert saved[0] == "image,caption,score,unsure,error" and len(saved) == 5
    assert saved[1].startswith("10.png,beams 3") and saved[3].startswith("'=1+1")
    assert "Choose some pictures" in visitor.event(visitor.number("many-write"), [None, "photos"])[0]


def test_an_example_is_copied_for_the_visitor(tmp_path):
    path = tmp_path / "a_dog.png"
    path.write_bytes(file_of())
    with Visitor(service_of(*MODELS, limits=LIMITS), examples=[path]) as visitor:
        row = next(each for each in visitor.config["components"] if "examples" in str(each["props"].get("value")))
        number = next(each["id"] for each in visitor.config["dependencies"] if [row["id"], "click"] in each["targets"])
        (chosen,) = visitor.event(number, [], event_data={"number": 0})
        assert texts(visitor.caption(chosen)[0]).startswith("beams 3")
        assert "no such example" in visitor.event(number, [], event_data={"number": 1})
        assert "no such example" in visitor.event(number, [], event_data={"number": "../0"})


def test_errors_of_pictures_are_sentences_without_their_names(visitor):
    broken = visitor.upload(b"no picture", "private-name.png")
    assert visitor.caption(broken).startswith("The picture cannot be used") and "private" not in visitor.caption(broken)
    assert "too large" in visitor.caption(visitor.upload(file_of(9, 200)))


def test_limits_of_the_service_hold(visitor, monkeypatch):
    picture = visitor.upload(file_of())
    batcher = visitor.service.models["photos"].batcher
    monkeypatch.setattr(batcher, "_capacity", 0)
    assert visitor.caption(picture) == "Too many requests wait. Try again in a moment."


def test_texts_are_escaped():
    text = "<script>alert('&')</script>"
    html = bars_html([Bar(text, 0.5)], text, text) + table_html([Row(text, "", {"caption": text, "score": 0})], 1)
    html += table_html([Row(text, "", {"error": text})], 1) + csv_link([Row(text, "", {"caption": text})])
    assert "<script" not in html and html.count("&lt;script&gt;") == 7


# What nobody may do.


def test_the_page_names_no_other_host(visitor):
    page = visitor.client.get("/")
    linked = re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//([^"'/]+)""", page.text)
    assert page.status_code == 200 and not linked
    assert "http" not in re.sub(r"http://www\.w3\.org\S*", "", visitor.client.get("/theme.css").text)
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy and "*" not in policy


NAMED = [
    {"path": "/etc/passwd"}, {"path": "/etc/passwd", "url": None}, {"path": "http://127.0.0.1:1/a.png"},
    {"url": "http://127.0.0.1:1/a.png"}, {"url": "file:///etc/passwd"}, {"url": "data:image/png;base64,AAAA"},
    {"path": "../../../../etc/passwd"}, {"path": "/proc/self/environ"}, {"path": 7}, {"path": ["/etc/passwd"]},
    {"path": "a\0b"}, {"url": "http://testserver/gradio_api/file=/etc/passwd"}, {"url": 3},
    {"url": "http://[/gradio_api/file=x"}, {"path": "/gradio_api/file=/etc/passwd"},
]  # fmt: skip


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("nested", [False, True])
def test_no_address_is_fetched_and_no_path_is_read(visitor, named, nested, monkeypatch):
    """Mounted in another application, gradio reads any path: it takes this one for not launched."""
    import socket

    def forbidden(*arguments, **keywords):
        raise AssertionError(f"{arguments} was opened")

    monkeypatch.setattr(socket, "create_connection", forbidden)
    payload = {**named, "meta": FILE_DATA}
    before = sorted(visitor.page.uploads.folder.rglob("*"))
    refused = visitor.send(visitor.number("again"), [[{"a": payload}] if nested else payload] + [None] * 16)
    assert refused.status_code == 422 and "passwd" not in refused.text
    many = visitor.send(visitor.number("many-write"), [[payload], "photos"])
    assert many.status_code == 422 and sorted(visitor.page.uploads.folder.rglob("*")) == before


def test_an_own_file_with_a_strange_address_is_refused(visitor):
    own = visitor.upload(file_of())
    for url in ("http://169.254.169.254/", f"http://testserver{FILE}/etc/passwd"):
        refused = visitor.send(visitor.number("again"), [{**own, "url": url}] + [None] * 16)
        assert refused.status_code == 422 and "not fetched" in refused.text


def test_files_are_given_out_from_the_folder_of_uploads_only(visitor, tmp_path):
    own = visitor.upload(file_of())["path"]
    assert visitor.client.get(f"{FILE}{own}").content == file_of()
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    link = visitor.page.uploads.folder / "link"
    link.symlink_to(secret)
    folder = visitor.page.uploads.folder
    for path in (secret, link, folder, f"{folder}/../{folder.name}/../../etc/passwd", "/etc/passwd", "",
                 "http://127.0.0.1:1/", "http://169.254.169.254/latest", "file:///etc/passwd"):  # fmt: skip
        for address in (f"{FILE}{path}", f"/gradio_api/file/{path}", f"/gradio_api/proxy={path}"):
            assert visitor.client.get(address).status_code == 404, address
    link.unlink()


def test_what_gradio_has_besides_is_not_there(visitor):
    """All its routes, those of later versions too, but for the few that the page needs."""
    (mount,) = [route for route in visitor.page._gradio.routes if route.path == ""]
    needed = {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/pwa_icon", JOIN, UPLOAD,
              "/gradio_api/queue/data", "/gradio_api/startup-events", "/gradio_api/upload_progress",
              "/static/{path:path}", "/assets/{path:path}", "/svelte/{path:path}"}  # fmt: skip
    routes = [route for each in mount.app.routes for route in getattr(each, "original_router", mount.app).routes]
    others = {route.path: route.methods for route in routes if hasattr(route, "methods")}
    assert len(others) > 40 and needed < set(others)
    of_the_service = {"/openapi.json", "/docs"}
    for path in set(others) - needed - of_the_service:
        address = re.sub(r"{[^}]*}", "x", path)
        for method in others[path] or ():
            answer = visitor.client.request(method, address, json={})
            assert answer.status_code == 404, (method, path)


def test_only_events_of_the_page_are_taken(visitor):
    picture = visitor.upload(file_of())
    for number in (-1, 999, "0", None, True):
        assert visitor.send(number, [picture]).status_code == 422
    for session in ("", "x" * 65, None, 3):
        assert visitor.send(0, [], session=session).status_code == 422
    assert visitor.client.post(JOIN, content=b"[" * 90_000).status_code in (400, 422)
    assert visitor.client.post(JOIN, content=b" " * 1_000_001).status_code == 413


def test_uploads_have_limits(visitor):
    uploads = visitor.page.uploads
    assert visitor.client.post(UPLOAD, files=[("files", ("a", b"x" * 100_001))]).status_code == 413
    assert visitor.client.post(UPLOAD, files=[("files", ("a", b"x" * 160_000))]).status_code == 413
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'

    def parts():
        yield head
        yield from [b"y" * 10_000] * 30

    endless = visitor.client.post(UPLOAD, content=parts(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert endless.status_code == 413 and "150,000 bytes" in endless.text, "a body without a length"
    (uploads.folder / "filler").write_bytes(b"x" * 400_000)
    full = visitor.client.post(UPLOAD, files=[("files", ("a", b"x"))])
    assert full.status_code == 503 and "retry-after" in full.headers
    (uploads.folder / "filler").unlink()
    assert visitor.client.post(UPLOAD, content=b"nothing").status_code in (400, 422)


def test_an_uploaded_file_stays_in_the_folder(visitor):
    for name in ("../../../outside.png", "/etc/cron.d/x", "a\\..\\b.png", "", "." * 300, "x" * 400):
        answer = visitor.client.post(UPLOAD, files=[("files", (name, file_of()))])
        if answer.status_code == 200:
            assert all(visitor.page.uploads.find(path) for path in answer.json())


def test_uploads_are_private_and_deleted(tmp_path):
    uploads = Uploads(keep=60)
    assert uploads.folder.stat().st_mode & 0o077 == 0
    (folder := uploads.folder / "a").mkdir()
    for name, age in (("old", 61), ("new", 50)):
        (folder / name).write_bytes(b"x")
        now = (folder / name).stat().st_mtime
        os.utime(folder / name, (now, now - age))
    uploads.sweep()
    assert [path.name for path in folder.iterdir()] == ["new"]
    uploads.close()
    assert not uploads.folder.exists()


def test_a_picture_in_use_stays_and_one_that_is_gone_is_a_sentence(visitor):
    picture = visitor.upload(file_of(77))
    past = os.stat(picture["path"]).st_mtime - 1000
    os.utime(picture["path"], (past, past))
    visitor.caption(picture)
    visitor.page.uploads.sweep()
    assert os.path.exists(picture["path"]), "who goes on with a picture keeps it"
    os.utime(picture["path"], (past, past))
    visitor.page.uploads.sweep()
    assert not os.path.exists(picture["path"])
    refused = visitor.send(visitor.number("again"), [picture] + [None] * 16)
    assert refused.status_code == 422 and "was deleted. Choose it again" in refused.text


def test_results_are_forgotten_with_the_pictures():
    """Gradio keeps the last results of each browser in memory."""
    with Visitor(service_of(*MODELS, limits=LIMITS)) as visitor:
        sessions = visitor.page._blocks.state_holder.session_data
        visitor.caption(None)
        assert list(sessions) == ["visitor"]
        visitor.page.uploads.keep = 0
        visitor.page.forget()
        assert not sessions
        assert "Choose a picture" in visitor.caption(None)[0], "who comes again begins anew"


def test_the_folder_goes_with_the_service():
    with Visitor(service_of(*MODELS, limits=LIMITS)) as visitor:
        folder = visitor.page.uploads.folder
        visitor.upload(file_of())
    assert not folder.exists()


def test_a_token_covers_the_page_and_its_event_stream():
    with Visitor(service_of(*MODELS, limits=LIMITS), token="open sésame") as visitor:
        paths = ["/", "/config", "/theme.css", "/assets/x.js", "/gradio_api/queue/data?session_hash=x",
                 "/gradio_api/startup-events", f"{FILE}/x", "/nothing"]  # fmt: skip
        for path in paths:
            answer = visitor.client.get(path)
            assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic"), path
        for path in (JOIN, UPLOAD):
            assert visitor.client.post(path, json={}).status_code == 401
        password = base64.b64encode("anyone:open sésame".encode()).decode()
        assert visitor.client.get("/", headers={"Authorization": f"Basic {password}"}).status_code == 200
        for wrong in ("Basic", "Basic !!", f"Basic {base64.b64encode(b'a:b').decode()}", f"Basic {password[:-4]}"):
            assert visitor.client.get("/", headers={"Authorization": wrong}).status_code == 401, wrong


def test_pages_of_other_sites_may_send_nothing(visitor):
    """Browsers send the password of a site by themselves, whoever's page asks."""
    for path in (JOIN, UPLOAD):
        foreign = visitor.client.post(path, json={}, headers={"Origin": "https://elsewhere.example"})
        assert foreign.status_code == 403 and visitor.client.post(path, json={}, headers={"Origin": "null"}).is_error
    own = visitor.client.post(UPLOAD, files=[("files", ("a.png", file_of()))], headers={"Origin": "http://testserver"})
    assert own.status_code == 200


def test_neither_names_nor_pictures_are_logged(visitor, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("asyncio").setLevel(logging.WARNING)
        for content in (file_of(), b"no picture", file_of(1, 200)):
            picture = visitor.upload(content, "private-name.png")
            visitor.caption(picture)
            visitor.event(visitor.number("ask"), [picture, "answers", "private-question?", "", True])
            visitor.event(visitor.number("many-write"), [[picture], "photos"])
            visitor.send(visitor.number("again"), [{**picture, "path": "/private-name"}])
        visitor.client.get("/gradio_api/queue/data", params={"session_hash": "private-session"})
    printed = capfd.readouterr()
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert "private" not in printed.out + printed.err + "".join(logged)
    assert not any(record.exc_info for record in caplog.records)


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)  # others are no JSON
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=20)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
    st.sampled_from(["path", "url", "meta", "value", "a"]), inner, max_size=3), max_leaves=8)  # fmt: skip


@given(number=st.integers(-1, 12), data=st.lists(JSON, max_size=18), extra=JSON)
def test_whatever_an_event_holds_is_answered(visitor, number, data, extra):
    """Never an error of the program: a refusal, a result, or a sentence."""
    answer = visitor.send(number, data, session="fuzz", event_data=extra)
    assert answer.status_code in (200, 413, 422, 503)
    if answer.status_code == 200:
        stream = visitor.client.get("/gradio_api/queue/data", params={"session_hash": "fuzz"})
        assert stream.status_code == 200 and "process_completed" in stream.text


def test_a_zip_bomb_of_pixels_is_refused(visitor):
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("1", (5_000, 5_000)).save(buffer, "PNG")
    assert "too large" in visitor.caption(visitor.upload(buffer.getvalue()))
