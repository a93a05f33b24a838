"use strict";
// Every text below goes in as text, never as markup: questions, answers and names of files may hold anything.
const {rows, pictures} = JSON.parse(document.getElementById("data").textContent);
const [IMAGE, QUESTION, PICTURE, ANSWERS, PEOPLE, RIGHT, TYPE] = [0, 1, 2, 3, 4, 5, 6];
const body = document.getElementById("rows"), more = document.getElementById("more");
const filter = document.getElementById("filter"), sort = document.getElementById("sort");
const which = document.getElementById("which"), count = document.getElementById("count");
const first = row => row[ANSWERS].length ? row[ANSWERS][0] : ["", 0];
const haystacks = new Map(rows.map(row =>
  [row, [row[IMAGE], row[QUESTION], first(row)[0], row[PEOPLE], row[TYPE]].join("\n").toLowerCase()]));
const numbers = new Map(rows.map((row, number) => [row, number]));
const values = {
  order: row => numbers.get(row), sure: row => first(row)[1], question: row => row[QUESTION],
  answer: row => first(row)[0], type: row => row[TYPE],
};
const PAGE = 50;
let chosen = [], shown = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) { made.textContent = text; made.dir = "auto"; }
  return made;
}

function line(row) {
  const made = element("tr", row[RIGHT] ? "right" : "wrong"), picture = element("td", "picture"), text = element("td");
  if (pictures[row[PICTURE]]) {
    const image = element("img");
    image.alt = "";
    image.decoding = "async";
    image.src = pictures[row[PICTURE]];
    picture.append(image);
  }
  const answers = element("ul", "references");
  row[ANSWERS].forEach(([answer, share], number) => {
    const item = element("li", number ? "" : "first", answer || "(no words)");
    item.append(" ", element("span", "share", (100 * share).toFixed(1)));
    answers.append(item);
  });
  text.append(element("p", "caption", row[QUESTION]), answers, element("p", "name", row[IMAGE]));
  const people = element("td", "people", row[PEOPLE]);
  people.prepend(row[RIGHT] ? "✓ " : "✗ ");
  made.append(picture, text, people, element("td", "type", row[TYPE]));
  return made;
}

function grow() {
  const next = chosen.slice(shown, shown + PAGE);
  body.append(...next.map(line));
  shown += next.length;
  more.hidden = shown >= chosen.length;
  count.textContent = `${chosen.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
}

function choose() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const [name, direction] = sort.value.split(" "), value = values[name];
  chosen = rows.filter(row => (which.value === "" || row[RIGHT] === Number(which.value))
    && words.every(word => haystacks.get(row).includes(word)));
  chosen.sort((a, b) => Number(direction) * (typeof value(a) === "string" ? value(a).localeCompare(value(b)) : value(a) - value(b)));
  body.replaceChildren();
  shown = 0;
  grow();
}

let waiting;
filter.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 120); });
sort.addEventListener("change", choose);
which.addEventListener("change", choose);
more.addEventListener("click", grow);
choose();
