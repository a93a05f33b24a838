// Walking the tree.
const told = document.getElementById("told");
const words = [...document.querySelectorAll(".tree .word")];
document.body.classList.add("walks");

const runOf = word => [...word.closest(".run").querySelectorAll(".word")];
const firstOf = item => item.querySelector(":scope > .run > .word") || firstOf(item.querySelector("li"));
const itemOf = word => word.closest("li");
const aboveOf = item => item.parentElement.closest("li");
const waysOf = item => [...item.querySelectorAll(":scope > details > ul > li")];
const textOf = word => word.querySelector("span").textContent;
const shown = word => !word.closest("details:not([open])");

function percent(share) {
  const value = 100 * share;
  if (value < 0.01) return "<0.01 %";
  return value.toFixed(value >= 9.95 ? 0 : value >= 0.095 ? 1 : 2) + " %";
}

// The words from the beginning to this one.
function wayTo(word) {
  const run = runOf(word), before = aboveOf(itemOf(word));
  const own = run.slice(0, run.indexOf(word) + 1);
  return before ? [...wayTo(runOf(firstOf(before)).at(-1)), ...own] : own;
}

// What could have been said in its place, by the captions of the tree.
function others(word) {
  if (runOf(word)[0] !== word) return [];
  return [...itemOf(word).parentElement.children].map(firstOf).filter(other => other !== word);
}

function row(list, name, share) {
  const made = element("div");
  made.append(element("dt", "", name), element("dd", "", percent(share)));
  list.append(made);
}

function choose(word, focus = true) {
  const way = wayTo(word), list = element("dl"), p = Number(word.dataset.p), instead = others(word);
  for (const other of words) {
    other.classList.toggle("on-the-way", way.includes(other));
    other.removeAttribute("aria-current");
    other.tabIndex = -1;
  }
  word.setAttribute("aria-current", "true");
  word.tabIndex = 0;
  const end = word.classList.contains("end");
  row(list, end ? "the caption ends here" : textOf(word), p);
  for (const other of instead) row(list, other.classList.contains("end") ? "instead: the end" : "instead: " + textOf(other), Number(other.dataset.p));
  row(list, "all other words", Math.max(0, 1 - p - instead.reduce((sum, other) => sum + Number(other.dataset.p), 0)));
  row(list, end ? "the whole caption" : "all words so far", end ? Math.exp(Number(word.dataset.log)) : Number(word.dataset.soFar));
  const said = way.filter(each => !each.classList.contains("end")).map(textOf).join(" ") + (end ? "." : " …");
  told.replaceChildren(element("p", "said", said), list);
  told.hidden = false;
  if (focus) { word.focus({preventScroll: true}); word.scrollIntoView({block: "nearest"}); }
}

const steps = {
  ArrowRight(word) {
    const next = runOf(word)[runOf(word).indexOf(word) + 1], ways = waysOf(itemOf(word));
    if (next) return next;
    if (!ways.length) return null;
    ways[0].closest("details").open = true;
    return firstOf(ways[0]);
  },
  ArrowLeft(word) {
    const before = runOf(word)[runOf(word).indexOf(word) - 1], above = aboveOf(itemOf(word));
    return before || (above && runOf(firstOf(above)).at(-1));
  },
  ArrowDown(word) { return lineFrom(word, 1); },
  ArrowUp(word) { return lineFrom(word, -1); },
  Home() { return words[0]; },
  End() { return words.filter(shown).at(-1); },
};

// The first word of the line below or above.
function lineFrom(word, by) {
  const lines = words.filter(each => runOf(each)[0] === each && shown(each));
  return lines[lines.indexOf(runOf(word)[0]) + by];
}

for (const word of words) {
  word.addEventListener("click", () => choose(word));
  word.addEventListener("focus", () => { if (!word.hasAttribute("aria-current")) choose(word, false); });
  word.addEventListener("keydown", event => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const fold = itemOf(word).querySelector(":scope > details");
    if ((event.key === "Enter" || event.key === " ") && fold) fold.open = !fold.open;
    else if (!steps[event.key]) return;
    else {
      const next = steps[event.key](word);
      if (next) choose(next);
    }
    event.preventDefault();
  });
  word.tabIndex = -1;
}
if (words.length) words[0].tabIndex = 0;
