
"use strict";
// Every text below goes in as text, never as markup: captions and names of files may hold anything.
const {rows, hasScore} = JSON.parse(document.getElementById("data").textContent);
const [IMAGE, CAPTION, PICTURE, REFERENCES, LOG_P, SCORES] = [0, 1, 2, 3, 4, 5];
const body = document.getElementById("rows"), more = document.getElementById("more");
const filter = document.getElementById("filter"), sort = document.getElementById("sort");
const count = document.getElementById("count");
const haystacks = new Map(rows.map(row => [row, [row[IMAGE], row[CAPTION], ...row[REFERENCES]].join("\n").toLowerCase()]));
const heads = document.querySelectorAll("th[data-column]");
const PAGE = 50;
let chosen = [], shown = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) { made.textContent = text; made.dir = "auto"; }
  return made;
}

function number(value, digits) {
  return element("td", "number", value === null ? "" : value.toFixed(digits));
}

function line(row) {
  const made = element("tr"), picture = element("td", "picture"), text = element("td");
  if (row[PICTURE]) {
    const image = element("img");
    image.alt = "";
    image.decoding = "async";
    image.src = row[PICTURE];
    picture.append(image);
  }
  text.append(element("p", "caption", row[CAPTION] || "(an empty caption)"));
  const references = element("ul", "references");
  for (const reference of row[REFERENCES]) references.append(element("li", "", reference));
  text.append(references, element("p", "name", row[IMAGE]));
  made.append(picture, text, ...row.slice(SCORES).map(value => number(value, 0)));
  if (hasScore) made.append(number(row[LOG_P], 2));
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
  const [column, direction] = sort.value.split(" ").map(Number);
  const value = row => row[column] === null ? -Infinity : row[column];
  chosen = rows.filter(row => words.every(word => haystacks.get(row).includes(word)));
  chosen.sort((a, b) => direction * (column < 2 ? String(value(a)).localeCompare(String(value(b))) : value(a) - value(b)));
  for (const head of heads) {
    const here = Number(head.dataset.column) === column;
    head.setAttribute("aria-sort", here ? (direction > 0 ? "ascending" : "descending") : "none");
  }
  body.replaceChildren();
  shown = 0;
  grow();
}

// A head of the table sorts by its column: numbers highest first, text from A; a second time the other way round.
function sortBy(head) {
  const column = Number(head.dataset.column), first = column < 2 ? 1 : -1;
  const value = `${column} ${first}`;
  sort.value = sort.value === value ? `${column} ${-first}` : value;
  choose();
}

let waiting;
filter.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 120); });
sort.addEventListener("change", choose);
for (const head of heads) head.firstElementChild.addEventListener("click", () => sortBy(head));
more.addEventListener("click", grow);
choose();
