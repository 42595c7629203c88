// The opened squares: their marks, and the panels of their curves and circuits.

/** Draw the opened squares: marks, table, panels; wait for the panels in view. */
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
  drawOptions(report, state, change);
  drawMembers(report);
  await drawInTurn(report, [...curveJobs(report, state, change), ...circuitJobs(report, state, change)]);
}

/** Return what draws a panel, and a key that differs whenever it would draw another picture. */
function jobOf(state, figure, choice, draw) {
  const node = figure.querySelector(".plot"), { colour, choices, ...view } = state;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  return { node, key: JSON.stringify([view, choice, isDark, node.clientWidth]), draw: () => draw(node) };
}

/** Draw panels that show something else by now: those in view, then, in the back, the others. */
async function drawInTurn(report, jobs) {
  const turn = (report.turn = (report.turn ?? 0) + 1);
  const stale = jobs.filter(({ node, key }) => node.dataset.key !== key);
  const isInView = ({ node }) => {
    const { top, height } = node.getBoundingClientRect();
    return top + height / 2 < innerHeight;
  };
  const visible = stale.filter(isInView), hidden = stale.filter((job) => !visible.includes(job));
  const pause = () => new Promise((resolve) => setTimeout(resolve));
  const drawIfNewest = async ({ node, key, draw }) => {
    if (turn !== report.turn) return;
    await draw();
    node.dataset.key = key;
  };
  // The squares are painted before plotly.js takes its time.
  await pause();
  for (const job of visible) await drawIfNewest(job);
  drawInBackground(hidden, drawIfNewest, pause);
}

async function drawInBackground(jobs, draw, pause) {
  for (const job of jobs) {
    await pause();
    await draw(job);
  }
}

/** Return the jobs of all panels of curves, making those that are missing. */
function curveJobs(report, state, change) {
  const node = document.getElementById("panels");
  const panels = report.opened.length ? panelsOf(report.opened[0].run) : [];
  const ids = panels.map(({ id }) => id).join(" ");
  if (node.dataset.ids !== ids) {
    node.replaceChildren(...panels.map((panel) => panelNode(panel)));
    node.dataset.ids = ids;
  }
  return panels.map((panel) => {
    const figure = document.getElementById(`panel-${panel.id}`);
    drawMenus(report, state, panel, figure, change);
    const isDotted = report.opened.length > 1 && ["loss", "accuracy"].includes(panel.id);
    figure.querySelector("h3").textContent = panel.title + (isDotted ? " (train dotted)" : "");
    return jobOf(state, figure, choiceOf(state, panel), (plotNode) => drawPanel(report, state, panel, plotNode));
  });
}

function panelNode(panel) {
  const plotNode = element("div", { class: panel.isMap ? "plot map" : "plot" });
  const buttons = ["png", "svg"].map((format) => {
    const button = element("button", { type: "button", "aria-label": `save ${panel.title} as ${format}` }, format.toUpperCase());
    button.addEventListener("click", () => save(plotNode, panel.id, format));
    return button;
  });
  const caption = element("figcaption", {}, element("h3", {}, panel.title), ...buttons, element("form"));
  return element("figure", { class: panel.isWide ? "panel wide" : "panel", id: `panel-${panel.id}` }, caption, plotNode);
}

function drawMenus(report, state, panel, figure, change) {
  const form = figure.querySelector("form"), choice = choiceOf(state, panel);
  if (form.contains(document.activeElement)) return;
  const choose = (key) => (value) =>
    change((newest) => ({ choices: { ...newest.choices, [`${panel.id}.${key}`]: value } }));
  form.replaceChildren();
  for (const menu of panel.menus ?? []) {
    // Of several squares, one entry is drawn, and never each.
    const options = menu.options.filter(([key]) => key !== "each" || report.opened.length === 1);
    form.append(menuOf(menu.label, options, choice[menu.key] ?? menu.first, choose(menu.key)));
  }
  if (!panel.hasSlider) return;
  const steps = stepsOf(report).map((step) => step.toLocaleString("en"));
  form.append(sliderOf("step", steps, 0, choice.step ?? steps.length - 1, choose("step")));
}
