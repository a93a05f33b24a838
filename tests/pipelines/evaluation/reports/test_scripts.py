"""The scripts of reports, in a browser: the table filters, sorts and grows, pictures enlarge, a tree is walked.

A page is opened in Chromium as it is, or as a copy whose policy is left out and that ends with a script of the test,
which acts as a reader does and leaves what it found in the page.
"""

import html
import json
import math
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from pipelines.evaluation.reports.beam_tree import prefix_tree, render_tree
from pipelines.evaluation.reports.html_page import render_report
from pipelines.evaluation.results import Evaluation, Prediction

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "</script><script>document.title = 'taken over'</script><img src=x onerror='document.title = 1'>"
NUMBER = 120  # rows: more than two pages of the table

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: the scripts of reports are not tried"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of captions of which one has a phrase of its own, one has no score, and one is hostile."""
    folder, predictions = tmp_path_factory.mktemp("report"), []
    for index in range(NUMBER):
        path = folder / f"{index:03}.png"
        if index < 3:
            Image.fromarray(np.full((30, 40, 3), 40 * index, np.uint8)).save(path)
        text = {0: "a red dog runs", 1: "a dog in a red coat", 2: HOSTILE}.get(index, f"a cat number {index}")
        scores = {"words": 2.0, "bleu_4": 0.3, "cider_d": index / NUMBER}
        predictions.append(Prediction(path.name, text, ("something else",), scores, -0.5, path))
    scores = {"bleu_1": 0.6, "bleu_4": 0.2, "cider_d": 0.5, "brevity_penalty": 0.9, "prediction_words": 90.0,
              "reference_words": 100.0, "distinct_captions": 0.4}  # fmt: skip
    return render_report(Evaluation(title="run, test", scores=scores, intervals={}, predictions=tuple(predictions),
                                    evaluated={"images": NUMBER, "tokenizer": "ptb"}))  # fmt: skip


def dom(page, folder):
    """The page as HTML after its scripts have run."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command = [CHROMIUM, *options, "--virtual-time-budget=120000", "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, check=True, timeout=300).stdout.decode()


def found(page, script, folder):
    """What `script` notes with `note(name, value)`; `wait()` gives the page time, as after typing."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    page += f"""<pre id="found"></pre><script>(async () => {{
      const noted = {{}}, note = (name, value) => noted[name] = value;
      const wait = () => new Promise(done => setTimeout(done, 500));
      const at = id => document.getElementById(id);
      const names = () => [...document.querySelectorAll("#rows .name")].map(each => parseInt(each.textContent));
      const type = async text => {{
        at("filter").value = text;
        at("filter").dispatchEvent(new Event("input"));
        await wait();
      }};
      const press = (where, key) => where.dispatchEvent(new KeyboardEvent("keydown", {{key, bubbles: true}}));
      try {{ {script} }} catch (error) {{ note("error", String(error)); }}
      at("found").textContent = JSON.stringify(noted);
    }})();</script>"""
    text = re.search(r'<pre id="found">(.*?)</pre>', dom(page, folder), re.DOTALL)[1]
    assert text, "the script did not come to its end"
    noted = json.loads(html.unescape(text))
    assert "error" not in noted, noted["error"]
    return noted


def test_the_policy_lets_the_pages_own_script_run_and_no_other(report, tmp_path):
    """Wrong if the table stays empty for every reader, or a caption runs."""
    page = dom(report, tmp_path)
    table = page[page.index('<tbody id="rows">') : page.index("</tbody>", page.index('<tbody id="rows">'))]
    assert table.count("<tr>") == 50 and "50 shown of 120 found, 120 in all." in page
    assert "<title>run, test" in page and "taken over" not in re.search("<title>.*?</title>", page)[0]
    assert "&lt;/script&gt;&lt;script&gt;" in page, "the hostile caption is not shown as it is"


def test_the_table_filters_by_words_and_phrases(report, tmp_path):
    script = """
      await type("red dog"); note("words", names());
      await type('"red dog"'); note("phrase", names());
      await type("“in a red”"); note("curly", names());
      await type('"red do'); note("open", names());
      await type("ELSE 119"); note("reference and name", names());
      await type("giraffe"); note("none", [names().length, at("nothing").hidden, at("nothing").textContent.trim()]);
      at("nothing").querySelector("button").click();
      note("all", [names().length, at("nothing").hidden, at("filter").value]);
    """
    noted = found(report, script, tmp_path)
    assert sorted(noted["words"]) == [0, 1]
    assert noted["phrase"] == noted["open"] == [0] and noted["curly"] == [1]
    assert noted["reference and name"] == [119]
    assert noted["none"][:2] == [0, False] and "Nothing found with “giraffe”." in noted["none"][2]
    assert noted["all"] == [50, True, ""]


def test_the_table_sorts_both_ways_and_grows(report, tmp_path):
    script = """
      const head = [...document.querySelectorAll("th[data-column]")].find(each => each.textContent.includes("CIDEr-D"));
      head.firstElementChild.click(); note("first", [names()[0], head.getAttribute("aria-sort")]);
      head.firstElementChild.click(); note("second", [names()[0], head.getAttribute("aria-sort")]);
      const shown = [names().length];
      while (!at("more").hidden) { at("more").click(); shown.push(names().length); }
      note("shown", [shown, new Set(names()).size, at("count").textContent]);
    """
    noted = found(report, script, tmp_path)
    assert sorted([noted["first"], noted["second"]]) == [[0, "ascending"], [119, "descending"]]
    assert noted["shown"] == [[50, 100, 120], 120, "120 shown of 120 found, 120 in all."]


def test_pictures_enlarge_and_are_walked_through(report, tmp_path):
    script = """
      await type("dog");
      const buttons = [...document.querySelectorAll("#rows .enlarge")], large = document.querySelector("dialog");
      const shows = button => large.querySelector("img").src === button.firstElementChild.src;
      buttons[0].click(); note("opened", [large.open, shows(buttons[0])]);
      note("about", large.querySelector("figcaption").textContent);
      press(large, "ArrowRight"); note("next", shows(buttons[1]));
      press(large, "ArrowRight"); note("last", shows(buttons[1]));
      const closed = new Promise(done => large.addEventListener("close", done));
      large.close(); await closed; note("closed", [large.open, document.activeElement === buttons[1]]);
    """
    noted = found(report, script, tmp_path)
    assert noted["opened"] == [True, True] and "dog" in noted["about"]
    assert noted["next"] and noted["last"] and noted["closed"] == [False, True]


def test_a_tree_is_walked_with_the_arrow_keys(tmp_path):
    captions = [(words, [math.log(share) for share in shares]) for words, shares in (
        (("a", "dog", "runs"), (0.5, 0.25, 0.5, 0.8)), (("a", "dog", "sits"), (0.5, 0.25, 0.25, 0.5)),
        (("two", "dogs"), (0.25, 0.5, 0.5)))]  # fmt: skip
    page = render_tree("photo.jpg", prefix_tree(captions), "a dog runs", None)
    script = """
      const current = () => document.querySelector(".tree [aria-current]");
      const said = () => document.querySelector("#told .said").textContent;
      document.querySelector(".tree .word").click(); note("first", said());
      for (const key of ["ArrowRight", "ArrowRight"]) press(current(), key);
      note("branch", said());
      press(current(), "ArrowRight"); note("end", said());
      press(current(), "Home"); press(current(), "ArrowDown"); note("below", said());
      press(current(), "End"); note("last", said());
    """
    noted = found(page, script, tmp_path)
    assert noted["first"] == "a …" and noted["branch"] == "a dog runs …" and noted["end"] == "a dog runs."
    assert noted["below"].startswith("a dog ") and noted["last"] == "two dogs."
