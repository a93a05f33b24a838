// The images on which two systems differ most: two systems and a score are chosen, cards follow.
const {groups} = JSON.parse(document.getElementById("data").textContent);

function choice(tools, label, texts, chosen) {
  const made = element("label", "", label), select = element("select");
  for (const [number, text] of texts.entries()) {
    const option = element("option", "", text);
    option.value = number;
    select.append(option);
  }
  select.value = chosen;
  made.append(" ", select);
  tools.append(made);
  return select;
}

function card(item, group, score, systems) {
  const made = element("article", "card"), text = element("div", "text"), printed = group.scores[score];
  made.append(item.picture ? enlargeable(item.picture, item.references[0] || item.name) : element("div", "no-picture", "no picture"));
  if (item.question) text.append(element("p", "caption", item.question));
  for (const system of systems) {
    const head = element("p", "system", group.systems[system]), value = item.values[score][system];
    head.append(" ", element("b", "", value === null ? "" : (printed.factor * value).toFixed(printed.digits)));
    text.append(head, element("p", "caption", item.texts[system] || "(no words)"));
  }
  const list = element("ul", "references");
  for (const reference of item.references) list.append(element("li", "", reference));
  text.append(list, element("p", "name", item.name));
  made.append(text);
  return made;
}

for (const section of document.querySelectorAll(".differing")) {
  const group = groups[section.dataset.group], tools = section.querySelector(".tools"), shown = section.querySelector(".most");
  const first = choice(tools, "System", group.systems, 0), second = choice(tools, "beside", group.systems, group.systems.length - 1);
  const score = choice(tools, "by", group.scores.map(one => one.label), 0);

  function side(better, other, by) {
    const gain = item => group.scores[by].sign * (item.values[by][better] - item.values[by][other]);
    const known = item => item.values[by][better] !== null && item.values[by][other] !== null;
    const items = group.items.filter(item => known(item) && gain(item) > 0).sort((a, b) => gain(b) - gain(a)).slice(0, group.most);
    const cards = element("div", "cards");
    cards.append(...items.map(item => card(item, group, by, [better, other])));
    const title = `${group.systems[better]} better than ${group.systems[other]}, by ${group.scores[by].label}`;
    return items.length ? [element("h3", "", title), cards] : [];
  }

  function show() {
    const [one, two, by] = [first, second, score].map(select => Number(select.value));
    const found = one === two ? [] : [...side(two, one, by), ...side(one, two, by)];
    shown.replaceChildren(...(found.length ? found : [element("p", "note", one === two ? "Choose two systems." : "They do not differ by this score.")]));
  }

  for (const select of [first, second, score]) select.addEventListener("change", show);
  show();
}
