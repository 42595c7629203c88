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
  const titles = new Set(runs.map((run) => run.title)), names = runs.map((run) => run.name).join(", ");
  const each = runs.map((run) => `${run.title} — ${run.name}`).join(" and ");
  const title = titles.size === 1 ? `${[...titles][0]} — ${names}` : each;
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
  report.scale = scaleOf(report.look, anyMeasure(report, measure).scale, numbers);
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

begin().catch((error) => {
  const node = document.getElementById("failure");
  node.textContent = `This page could not be shown: ${error.message}. It needs a browser of 2023 or later.`;
  node.hidden = false;
  throw error;
});
