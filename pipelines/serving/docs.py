"""The page `/docs`: what there is to ask, without a line from elsewhere."""

from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>captioner: HTTP service</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border-bottom: 1px solid #8886; padding: .4rem; text-align: left; vertical-align: top }}
pre {{ background: #8882; padding: .8rem; overflow-x: auto }}
</style></head><body>
<h1>captioner {version}</h1>
<p>{description} The same as <a href="openapi.json">OpenAPI</a>.</p>
<table><tr><th scope="col">request</th><th scope="col">what it gives</th></tr>{rows}</table>
<h2>An image to a caption</h2>
<pre>curl -F images=@photo.jpg http://127.0.0.1:8000/v1/captions
curl -F images=@photo.jpg -F 'options={{"num_beams": 5, "candidates": 3}}' http://127.0.0.1:8000/v1/captions</pre>
<h2>As JSON</h2>
<pre>POST /v1/captions  {{"images": ["&lt;base64&gt;"], "model": "photos", "options": {{"max_words": 12}}}}
POST /v1/answers {{"image": "&lt;base64&gt;", "questions": ["what is it?"], "choices": ["lamp", "cup"]}}</pre>
<p>Options are those of <code>captioner caption</code>, with underscores. With <code>"attention": true</code> there is
where the model looked, as weights over a grid. One broken image is status 422; among several,
its entry holds an <code>error</code>. 413: too large. 503: too much waits; come again after <code>Retry-After</code>
seconds.</p>
</body></html>
"""


def docs_page(schema: dict) -> str:
    """HTML of an OpenAPI schema's routes."""
    routes = [
        (f"{method.upper()} {path}", facts.get("summary", ""))
        for path, methods in schema["paths"].items()
        for method, facts in methods.items()
    ]
    rows = "".join(f"<tr><td><code>{escape(route)}</code></td><td>{escape(what)}</td></tr>" for route, what in routes)
    info = schema["info"]
    return _PAGE.format(version=escape(info["version"]), description=escape(info.get("description", "")), rows=rows)
