// The cells of the opened squares in a table, each with the line that opens it in Python.

const MOST_ROWS = 200;

/** Draw the table of the opened cells. */
function drawMembers(report) {
  const node = document.getElementById("members");
  node.replaceChildren();
  const rows = report.opened.flatMap(({ run, cells }) => cells.map((cell) => [run, cell]));
  if (!rows.length) return;
  const axes = rows[0][0].cells.axes.filter(({ label, values }) => label && values.length > 1);
  const finals = Object.keys(rows[0][0].cells.finals);
  const hasCauses = rows.some(([run, cell]) => run.cells.causes[cell]);
  const isCompared = report.runs.length > 1;
  const heads = ["in Python", ...(isCompared ? ["run"] : []), ...axes.map((axis) => axis.label), "phase", "memorise step", "grok step"];
  heads.push(...finals.map((name) => name.replace("_", " ")), ...(hasCauses ? ["cause"] : []));
  const table = element("table", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head))));
  for (const [run, cell] of rows.slice(0, MOST_ROWS)) {
    const { cells } = run, row = element("tr", { "data-cell": cell });
    row.append(element("td", {}, copyButton(run, cell)));
    if (isCompared) row.append(element("td", {}, run.name));
    for (const { name } of axes) {
      const axis = axisOf(run, name);
      row.append(element("td", { class: "number" }, axis.values[axis.index[cell]]));
    }
    row.append(element("td", {}, report.look.labels[cells.labels[cell]]));
    for (const step of [cells.memorise_step[cell], cells.grok_step[cell]]) row.append(stepCell(step));
    for (const name of finals) row.append(element("td", { class: "number" }, numberText(cells.finals[name][cell])));
    if (hasCauses) row.append(element("td", { class: "text" }, cells.causes[cell] ?? ""));
    table.append(row);
  }
  node.append(element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "opened cells" }, table));
  if (rows.length > MOST_ROWS) {
    node.append(element("p", { class: "hint" }, `the first ${MOST_ROWS} of ${rows.length} cells`));
  }
}

const stepCell = (step) =>
  element("td", { class: "number" }, step === null ? "–" : step.toLocaleString("en"));

/** Return a button that copies the line of Python which opens a cell. */
function copyButton(run, cell) {
  const quoted = JSON.stringify, text = `jaxgrok.open(${quoted(run.path)}).cell(${quoted(selectorOf(run, cell))})`;
  const button = element("button", { type: "button", title: text, "data-copies": text }, "copy");
  button.addEventListener("click", async () => {
    await copy(text);
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1200);
  });
  return button;
}

/** Copy a text, also where the clipboard may not be written directly. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", {}, text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
