// Tables sort when a heading is clicked or pressed; longer ones have a field that filters rows by words.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const inOrder = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];

  // "+24.5 [19.8, 29.2]" is 24.5, "−1,234" is -1234; a dash has no number.
  const number = (text) => {
    const found = text.replace(/\u2212/g, "-").replace(/(\d),(?=\d{3})/g, "$1").match(/[-+]?\d+(\.\d+)?(e[-+]?\d+)?/i);
    return found ? Number(found[0]) : NaN;
  };
  const compared = {
    number: (one, other) => number(one) - number(other),
    words: (one, other) => one.localeCompare(other, "en", { numeric: true }),
  };
  const isMissing = (text) => text === "" || text === "\u2013";

  const sort = (column, direction) => {
    const compare = heads[column].classList.contains("number") ? compared.number : compared.words;
    const text = (row) => row.cells[column].textContent.trim();
    const present = inOrder.filter((row) => !isMissing(text(row)));
    const missing = inOrder.filter((row) => isMissing(text(row)));
    const sign = direction === "descending" ? -1 : 1;
    if (direction === "none") body.append(...inOrder);
    else body.append(...present.sort((one, other) => sign * compare(text(one), text(other))), ...missing);
    heads.forEach((head, index) => head.setAttribute("aria-sort", index === column ? direction : "none"));
  };

  const next = { none: "ascending", ascending: "descending", descending: "none" };
  if (inOrder.length > 1) {
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      const name = head.querySelector(".name"); // a link to the glossary stays beside the button
      button.append(...name.childNodes);
      button.addEventListener("click", () => sort(column, next[head.getAttribute("aria-sort")]));
      name.replaceWith(button);
      head.setAttribute("aria-sort", "none");
    });
  }

  const frame = table.closest("[data-filter]");
  if (frame) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("output");
    input.type = "search";
    input.setAttribute("aria-label", `Filter the rows of “${table.caption.textContent}”`);
    input.placeholder = "Filter rows";
    label.append(input);
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of inOrder) {
        const text = [...row.cells].map((cell) => cell.textContent.toLowerCase()).join(" ");
        row.hidden = !words.every((word) => text.includes(word));
      }
      const shown = inOrder.filter((row) => !row.hidden).length;
      count.textContent = shown === inOrder.length ? `${shown} rows` : `${shown} of ${inOrder.length} rows`;
    };
    count.setAttribute("aria-live", "polite");
    input.addEventListener("input", filter);
    filter();
    const tools = document.createElement("div");
    tools.className = "tools";
    tools.append(label, count);
    frame.prepend(tools);
  }
}
