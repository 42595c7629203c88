// Tables of the run, sorted by a click on a column's name.

/** Draw the tables of circuits and heads; `open` opens a square. */
function drawTables(report, open) {
  const node = document.getElementById("tables");
  report.runs.forEach((run, index) => {
    for (const table of run.tables) {
      const name = report.runs.length > 1 ? `${run.name}: ${table.name}` : table.name;
      node.append(detailsOf(`${name} (${table.rows.length})`, sortable(report, index, table, open)));
    }
  });
}

function sortable(report, index, table, open) {
  const node = element("table"), head = element("tr");
  let sorted = { column: -1, sign: 1 };
  const draw = () => {
    const rows = [...table.rows];
    if (sorted.column >= 0) rows.sort((one, other) => sorted.sign * compare(one[sorted.column], other[sorted.column]));
    node.replaceChildren(head, ...rows.map((row) => lineOf(report, index, table, row, open)));
  };
  table.columns.forEach((name, column) => {
    const button = element("button", { type: "button" }, nameOf(name));
    const cell = element("th", { scope: "col", "aria-sort": "none" }, button);
    button.addEventListener("click", () => {
      sorted = { column, sign: sorted.column === column ? -sorted.sign : 1 };
      for (const other of head.children) other.setAttribute("aria-sort", "none");
      cell.setAttribute("aria-sort", sorted.sign > 0 ? "ascending" : "descending");
      draw();
    });
    head.append(cell);
  });
  draw();
  return node;
}

/** Return a column's name in words; W_E and W_L are names of their own. */
const nameOf = (column) => column.replace(/(?<!\bW)_/g, " ");

/** Compare two entries: numbers, then texts, then what is missing. */
function compare(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === "string" && typeof other === "string") return one < other ? -1 : Number(one > other);
  return (typeof one === "string") - (typeof other === "string") || one - other;
}

function lineOf(report, index, table, row, open) {
  const line = element("tr");
  row.forEach((value, column) => {
    if (table.columns[column] === "cell") {
      const button = element("button", { type: "button", "aria-label": `open cell ${value}` }, String(value));
      button.addEventListener("click", () => {
        const square = report.squares[index].find(({ cells }) => cells.includes(value));
        if (square) open(square.id);
      });
      line.append(element("td", {}, button));
    } else if (typeof value === "number") line.append(element("td", { class: "number" }, numberText(value)));
    else line.append(element("td", {}, value === null ? "" : String(value)));
  });
  return line;
}
