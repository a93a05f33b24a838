"use strict";
// What every page can do. Texts go in as text, never as markup: names, captions and questions may hold anything.

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) { made.textContent = text; made.dir = "auto"; }
  return made;
}

// As the macro `picture` writes it.
function enlargeable(address, description) {
  const button = element("button", "enlarge"), image = element("img");
  Object.assign(button, {type: "button", title: "Enlarge"});
  Object.assign(image, {alt: description, decoding: "async", src: address});
  button.append(image);
  return button;
}

{
  const large = element("dialog", "large"), figure = element("figure"), bar = element("p", "bar");
  const image = element("img"), about = element("figcaption");
  const button = (label, name, act) => {
    const made = element("button", "", label);
    Object.assign(made, {type: "button", title: name});
    made.setAttribute("aria-label", name);
    made.addEventListener("click", act);
    bar.append(made);
    return made;
  };
  let opener = null;

  // Those that are shown together: cards of a group, words of a caption, rows of a table.
  const together = () => [...opener.closest(".cards, .looked, tbody, body").querySelectorAll(".enlarge")];

  function show(next) {
    opener = next;
    const own = next.querySelector("img"), place = next.closest("figure, .card, tr");
    const title = place && place.querySelector("figcaption, .caption");
    image.src = own.src;
    image.alt = own.alt;
    image.classList.toggle("small", own.naturalWidth > 0 && own.naturalWidth < 200);
    about.replaceChildren(element("b", "", title ? title.textContent : ""), " ", element("span", "muted", own.alt));
    const all = together(), at = all.indexOf(next);
    before.disabled = at <= 0;
    after.disabled = at >= all.length - 1;
  }

  function step(by) {
    const all = together(), next = all[all.indexOf(opener) + by];
    if (next) show(next);
  }

  const before = button("←", "The picture before", () => step(-1));
  const after = button("→", "The next picture", () => step(1));
  button("✕", "Close", () => large.close());
  figure.append(image, about);
  large.append(bar, figure);
  large.setAttribute("aria-label", "Picture, enlarged");
  document.body.append(large);
  document.addEventListener("click", event => {
    const chosen = event.target.closest(".enlarge");
    if (chosen) { show(chosen); large.showModal(); }
    else if (event.target === large) large.close();  // beside the picture
  });
  large.addEventListener("keydown", event => {
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
  });
  large.addEventListener("close", () => opener.focus());

  // On paper nothing is folded.
  addEventListener("beforeprint", () => { for (const fold of document.querySelectorAll("details")) fold.open = true; });
}
