// Tables whose headings sort their rows; a second time the other way round. What has no value comes last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const valueOf = (row, column) => row.cells[column].dataset.value ?? "";
  const numbers = column => [...body.rows].every(row => valueOf(row, column) === "" || !Number.isNaN(Number(valueOf(row, column))));

  function sortBy(head) {
    const column = heads.indexOf(head), asNumbers = numbers(column), now = head.getAttribute("aria-sort");
    const direction = now === "none" ? Number(head.dataset.first) : now === "ascending" ? -1 : 1;
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    body.append(...[...body.rows].sort((first, second) => {
      const [a, b] = [valueOf(first, column), valueOf(second, column)];
      if (a === "" || b === "") return (a === "") - (b === "");
      return direction * (asNumbers ? a - b : a.localeCompare(b));
    }));
  }

  for (const head of heads) head.firstElementChild.addEventListener("click", () => sortBy(head));
}
