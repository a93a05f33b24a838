// A table of predictions that can be filtered and sorted: of captions and of answers alike.
const {rows, pictures, columns} = JSON.parse(document.getElementById("data").textContent);
// A row: number of its picture, its text (in pieces, every other of which is false), texts under it with their shares, name,
// group, remarks, and a value a column.
const [PICTURE, TITLE, ITEMS, NAME, GROUP, REMARKS, VALUES] = [0, 1, 2, 3, 4, 5, 6];
const at = id => document.getElementById(id);
const body = at("rows"), more = at("more"), filter = at("filter"), sort = at("sort"), which = at("which");
const nothing = at("nothing"), heads = document.querySelectorAll("th[data-column]");
const titleOf = row => row[TITLE].join("");
const haystacks = new Map(rows.map(row => [row, [
  titleOf(row), ...row[ITEMS].map(item => item[0]), row[NAME], ...row[REMARKS],
  ...row.slice(VALUES).filter(value => typeof value === "string"),
].join("\n").toLowerCase()]));
const numbers = new Map(rows.map((row, number) => [row, number]));
const keys = {
  order: row => numbers.get(row), title: titleOf, name: row => row[NAME],
  first: row => row[ITEMS].length ? row[ITEMS][0][0] : "", share: row => row[ITEMS].length ? row[ITEMS][0][1] : null,
};
const keyOf = column => keys[column] || (row => row[VALUES + Number(column)]);
const PAGE = 50;
let chosen = [], shown = 0;

// Words and "quoted phrases" of a search; a quotation that is not closed goes on to the end.
function terms(search) {
  const found = search.toLowerCase().replace(/[“”„«»]/g, '"').matchAll(/"([^"]*)"?|([^\s"]+)/g);
  return [...found].map(([, phrase, word]) => (phrase ?? word).trim()).filter(Boolean);
}

function cell(value, {label, digits}) {
  const number = digits !== null, text = value === null ? "" : number ? value.toFixed(digits) : value;
  const made = element("td", number ? "number" : "words", text);
  made.dataset.label = label;
  return made;
}

function line(row) {
  const made = element("tr"), picture = element("td", "picture"), text = element("td"), title = element("p", "caption", "");
  if (pictures[row[PICTURE]]) picture.append(enlargeable(...pictures[row[PICTURE]]));
  title.append(...row[TITLE].map((piece, number) => number % 2 ? element("mark", "", piece) : piece));
  const list = element("ul", "references");
  for (const [words, share] of row[ITEMS]) {
    const item = element("li", "", words);
    if (share !== null) item.append(" ", element("span", "share", (100 * share).toFixed(1)));
    list.append(item);
  }
  text.append(title);
  if (row[REMARKS].length) {
    const remarks = element("p", "false", ` ${row[REMARKS].join("; ")}`);
    remarks.prepend(element("b", "", "False"));
    text.append(remarks);
  }
  text.append(list, element("p", "name", row[NAME]));
  made.append(picture, text, ...columns.map((column, number) => cell(row[VALUES + number], column)));
  return made;
}

function grow() {
  const next = chosen.slice(shown, shown + PAGE);
  body.append(...next.map(line));
  shown += next.length;
  more.hidden = shown >= chosen.length;
  const listed = [shown, chosen.length, rows.length].map(number => number.toLocaleString("en"));
  at("count").textContent = `${listed[0]} shown of ${listed[1]} found, ${listed[2]} in all.`;
}

function compare(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);  // what has no value comes last
  return direction * (typeof a === "string" ? a.localeCompare(b) : a - b);
}

function choose() {
  const wanted = terms(filter.value), [column, way] = sort.value.split(" "), direction = Number(way), value = keyOf(column);
  const group = which && which.value !== "" ? Number(which.value) : null;
  chosen = rows.filter(row => (group === null || row[GROUP] === group) && wanted.every(term => haystacks.get(row).includes(term)));
  chosen.sort((a, b) => compare(value(a), value(b), direction));
  for (const head of heads) {
    head.setAttribute("aria-sort", head.dataset.column !== column ? "none" : direction > 0 ? "ascending" : "descending");
  }
  body.replaceChildren();
  shown = 0;
  grow();
  nothing.hidden = chosen.length > 0;
  const sought = wanted.map(term => `“${term}”`).join(" and "), part = group === null ? "" : ` among ${which.selectedOptions[0].text}`;
  nothing.firstElementChild.textContent = `Nothing found${sought ? ` with ${sought}` : ""}${part}.`;
}

// A head of the table sorts by its column; a second time the other way round.
function sortBy(head) {
  const {column, first} = head.dataset, value = `${column} ${first}`;
  sort.value = sort.value === value ? `${column} ${-first}` : value;
  choose();
}

let waiting;
filter.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 120); });
sort.addEventListener("change", choose);
if (which) which.addEventListener("change", choose);
for (const head of heads) head.firstElementChild.addEventListener("click", () => sortBy(head));
more.addEventListener("click", grow);
nothing.lastElementChild.addEventListener("click", () => {
  filter.value = "";
  if (which) which.value = "";
  choose();
  filter.focus();
});
choose();
