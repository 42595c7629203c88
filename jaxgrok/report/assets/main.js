// Unpack the data, draw the diagram, open a cell, and follow what the user does.

/** Show a report. */
async function begin() {
  const { header, bytes } = readBlob(await unpack("data"));
  const report = { ...header, bytes, squares: [], opened: [], scale: null };
  let state = stateOf(report, location.hash.slice(1));
  defineHatches(report.look);
  drawHeader(report);
  drawFacts(report);

  const change = (news, { keepControls = false } = {}) => {
    // What depends on the newest state is given as a function of it.
    if (typeof news === "function") news = news(state);
    state = { ...state, ...news };
    history.replaceState(null, "", "#" + hashOf(state));
    const isView = Object.keys(news).some((key) => ["x", "y", "colour", "fixed"].includes(key));
    if (isView) drawMap(report, state, change, keepControls);
    return drawOpened(report, state, change);
  };
  drawMap(report, state, change);
  drawTables(report, (id) => change({ open: [id] }));
  if (!report.squares.flat().some(({ id }) => state.open.includes(id))) state.open = [firstToOpen(report)];
  await drawOpened(report, state, change);

  addEventListener("hashchange", () => change(stateOf(report, location.hash.slice(1))));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => change({}));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    change({ x: state.x }, { keepControls: true });
  });
  window.readyAfter = performance.now();
  document.documentElement.dataset.ready = "true";
}

function drawHeader(report) {
  const { runs } = report;
  const titles = [...new Set(runs.map((run) => run.title))].join(" and ");
  const title = `${titles} — ${runs.map((run) => run.name).join(", ")}`;
  document.title = title;
  document.getElementById("title").textContent = title;
  document.getElementById("progress").textContent = runs.map((run) => run.progress).join(" · ");
}

/** Draw menus, squares and legend. */
function drawMap(report, state, change, keepControls = false) {
  const { labels } = report.look, node = document.getElementById("diagrams");
  const measure = state.colour === "phase" ? "grok_step" : state.colour;
  report.squares = report.runs.map((run, index) =>
    squaresOf(run, state).map((square) => ({
      ...square,
      id: `square-${index}-${square.row}-${square.column}`,
      counts: countsOf(run, labels, square.cells),
      value: summarise(run, labels, measureOf(run, measure), square.cells),
    })));
  const numbers = report.squares.flat().map(({ value }) => value.median).filter((value) => value !== null);
  report.scale = scaleOf(report.look, measureOf(report.runs[0], measure).scale, numbers);
  if (!keepControls) drawControls(report, state, change);
  node.replaceChildren();
  report.runs.forEach((run, index) => {
    const svg = drawDiagram(report, index, state, node.clientWidth);
    const frame = element("div", { class: "diagram" });
    if (report.runs.length > 1) frame.append(element("h3", {}, run.name));
    frame.append(svg);
    node.append(frame);
    listen(svg, (id, adds) => change((newest) => ({ open: toggled(newest.open, id, adds) })));
  });
  const first = document.querySelector("[role=gridcell]");
  if (first) rove(first, { focus: false });
  drawLegend(report, state);
}

/** Return the opened squares after a click: that one alone, or that one too. */
function toggled(open, id, adds) {
  if (!adds) return [id];
  const others = open.filter((one) => one !== id);
  return others.length < open.length && others.length ? others : [...others, id];
}

/** Return the square that the page opens by itself: a grokked one, else the first. */
function firstToOpen(report) {
  const squares = report.squares.flat();
  const count = (square) => square.counts.get("grokking") ?? 0;
  const best = squares.reduce((one, other) => (count(other) > count(one) ? other : one), squares[0]);
  return best.id;
}

/** Draw the opened squares: marks, panels, table. */
async function drawOpened(report, state, change) {
  const squares = report.squares.flatMap((list, index) => list.map((square) => [report.runs[index], square]));
  report.opened = state.open
    .map((id) => squares.find(([, square]) => square.id === id))
    .filter(Boolean)
    .map(([run, square]) => ({ run, square, cells: square.cells }));
  document.querySelectorAll(".opened").forEach((mark) => mark.remove());
  document.querySelectorAll('[aria-selected="true"]').forEach((node) => node.setAttribute("aria-selected", "false"));
  for (const { square } of report.opened) {
    const node = document.getElementById(square.id);
    node.setAttribute("aria-selected", "true");
    frame(node.ownerSVGElement, node, "opened");
  }
  const names = report.opened.map((one) => squareName(report, state, one));
  const count = report.opened.reduce((sum, { cells }) => sum + cells.length, 0);
  document.getElementById("heading").textContent = `${names.join(" · ")} (${count} ${count === 1 ? "training" : "trainings"})`;
  drawOptions(state, change);
  drawMembers(report);
  await drawPanels(report, state, change);
  await drawCircuits(report, state, change);
}

/** Draw all panels, making those that are missing. */
async function drawPanels(report, state, change) {
  const node = document.getElementById("panels");
  const panels = report.opened.length ? panelsOf(report.opened[0].run) : [];
  const ids = panels.map(({ id }) => id).join(" ");
  if (node.dataset.ids !== ids) {
    node.replaceChildren(...panels.map((panel) => panelNode(panel)));
    node.dataset.ids = ids;
  }
  for (const panel of panels) {
    const figure = document.getElementById(`panel-${panel.id}`);
    drawMenus(report, state, panel, figure, change);
    const isDotted = report.opened.length > 1 && ["loss", "accuracy"].includes(panel.id);
    figure.querySelector("h3").textContent = panel.title + (isDotted ? " (train dotted)" : "");
    await drawPanel(report, state, panel, figure.querySelector(".plot"));
  }
}

function panelNode(panel) {
  const plotNode = element("div", { class: "plot" });
  const buttons = ["png", "svg"].map((format) => {
    const button = element("button", { type: "button", "aria-label": `save ${panel.title} as ${format}` }, format.toUpperCase());
    button.addEventListener("click", () => save(plotNode, panel.id, format));
    return button;
  });
  const caption = element("figcaption", {}, element("h3", {}, panel.title), element("form"), ...buttons);
  return element("figure", { class: panel.isWide ? "panel wide" : "panel", id: `panel-${panel.id}` }, caption, plotNode);
}

function drawMenus(report, state, panel, figure, change) {
  const form = figure.querySelector("form"), choice = choiceOf(state, panel);
  if (form.contains(document.activeElement)) return;
  const choose = (key) => (value) =>
    change((newest) => ({ choices: { ...newest.choices, [`${panel.id}.${key}`]: value } }));
  form.replaceChildren();
  for (const menu of panel.menus ?? []) {
    form.append(menuOf(menu.label, menu.options, choice[menu.key] ?? menu.first, choose(menu.key)));
  }
  if (!panel.hasSlider) return;
  const steps = stepsOf(report).map((step) => step.toLocaleString("en"));
  form.append(sliderOf("step", steps, 0, choice.step ?? steps.length - 1, choose("step")));
}

begin().catch((error) => {
  const node = document.getElementById("failure");
  node.textContent = `This page could not be shown: ${error.message}. It needs a browser of 2023 or later.`;
  node.hidden = false;
  throw error;
});
