// Long tables: a filter, columns that sort within their row groups, and a fold. Without this script they are whole.
"use strict";

(() => {
  const ROWS_ABOVE_FOLD = 10;

  const rowsOf = (table) => [...table.querySelectorAll("tbody tr:not(.table-group)")];

  /** What a cell is sorted by: its first number, or its text; cells without a value come last. */
  const sortValue = (cell) => {
    const text = cell.textContent.replace("−", "-").trim();
    const number = parseFloat(text.replace(/^\+/, ""));
    return text === "–" ? null : Number.isNaN(number) ? text : number;
  };

  const compare = (one, two) => {
    if (one === null || two === null) return (one === null) - (two === null);
    if (typeof one === "number" && typeof two === "number") return one - two;
    return String(one).localeCompare(String(two), "en", { numeric: true });
  };

  const fold = (table) =>
    rowsOf(table).forEach((row, place) => row.classList.toggle("is-below-fold", place >= ROWS_ABOVE_FOLD));

  /** A heading above rows of which none is shown is not shown either. */
  const markHeadings = (table, mark) => {
    for (const heading of table.querySelectorAll(".table-group")) {
      const rows = [...heading.parentElement.querySelectorAll("tr:not(.table-group)")];
      heading.classList.toggle(mark, rows.every((row) => row.classList.contains(mark)));
    }
  };

  const sort = (table, heading, place) => {
    const downwards = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", downwards ? "descending" : "ascending");
    for (const body of table.tBodies) {
      const rows = [...body.querySelectorAll("tr:not(.table-group)")];
      const valued = rows.map((row) => [sortValue(row.cells[place]), row]);
      const order = (one, two) => (downwards && one !== null && two !== null ? compare(two, one) : compare(one, two));
      valued.sort(([one], [two]) => order(one, two));
      body.append(...valued.map(([, row]) => row));
    }
    fold(table);
    markHeadings(table, "is-below-fold");
  };

  const prepare = (table) => {
    const tools = document.createElement("div");
    tools.className = "table-tools";
    tools.innerHTML = `<label>Filter rows <input type="search"></label>
      <button type="button" aria-expanded="false"></button>`;
    const [filter, unfold] = [tools.querySelector("input"), tools.querySelector("button")];
    const setFolded = (folded) => {
      table.classList.toggle("is-folded", folded);
      unfold.setAttribute("aria-expanded", String(!folded));
      unfold.textContent = folded ? `Show all ${rowsOf(table).length} rows` : `Show ${ROWS_ABOVE_FOLD} rows`;
    };
    unfold.addEventListener("click", () => setFolded(!table.classList.contains("is-folded")));
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rowsOf(table)) {
        const heading = row.parentElement.querySelector(".table-group");
        const text = `${heading ? heading.textContent : ""} ${row.textContent}`.toLowerCase();
        row.classList.toggle("is-filtered", !words.every((word) => text.includes(word)));
      }
      markHeadings(table, "is-filtered");
      if (words.length) setFolded(false);
    });
    [...table.tHead.rows[table.tHead.rows.length - 1].cells].forEach((heading, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, heading, place));
      heading.append(button);
    });
    table.before(tools);
    fold(table);
    markHeadings(table, "is-below-fold");
    setFolded(true);
  };

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("table.table-long").forEach(prepare));
})();
