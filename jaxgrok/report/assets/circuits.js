// The figures of analysed cells: spectrum, losses with stages, attention, neurons, circles.

/** Return one map of several [maps, x, y], as nested lists. */
function mapOf(report, entry, index) {
  const [, rows] = entry.dims;
  return Array.from({ length: rows }, (_, row) => curveOf(report.bytes, entry, 0, index * rows + row));
}

/** Return a scale of the page as plotly.js takes it. */
const colorscaleOf = (stops) => stops.map((colour, i) => [i / (stops.length - 1), colour]);

const circuitPanels = [
  { id: "embedding", title: "embedding spectrum", has: (cell) => cell.W_E_norms.length, draw: drawEmbedding },
  { id: "stages", title: "losses and stages", isWide: true, has: (cell) => cell.losses.length, draw: drawStages },
  { id: "attention", title: "attention from = to x", has: (cell) => cell.maps.attention, draw: drawMap2d },
  { id: "neurons", title: "neuron over all pairs", has: (cell) => cell.maps.neurons, draw: drawMap2d },
  { id: "circles", title: "W_E along a frequency", has: (cell) => cell.maps.circles, draw: drawCircle },
];

/** Draw the figures of the first opened cell that was analysed. */
async function drawCircuits(report, state, change) {
  const node = document.getElementById("circuits");
  const match = report.opened.flatMap(({ run, cells }) =>
    run.analysed.filter(({ cell }) => cells.includes(cell)).map((cell) => [run, cell]))[0];
  if (!match) return node.replaceChildren();
  const [run, cell] = match, key = `${run.name} ${cell.cell}`;
  const panels = circuitPanels.filter((panel) => panel.has(cell));
  if (node.dataset.key !== key || !node.children.length) {
    const grid = element("div", { class: "grid" }, ...panels.map((panel) => panelNode(panel)));
    const keys = cell.key_frequencies.length ? `key frequencies ${cell.key_frequencies.join(", ")}; ` : "";
    node.replaceChildren(
      element("h2", {}, `circuit of cell ${cell.cell}, step ${cell.step.toLocaleString("en")}`),
      element("p", { class: "hint" }, keys + cell.verdict), grid);
    node.dataset.key = key;
  }
  for (const panel of panels) {
    const figure = document.getElementById(`panel-${panel.id}`), form = figure.querySelector("form");
    const choice = choiceOf(state, panel);
    const choose = (name) => (value) =>
      change((newest) => ({ choices: { ...newest.choices, [`${panel.id}.${name}`]: value } }));
    if (!form.contains(document.activeElement)) form.replaceChildren(...menusOf(panel, cell, choice, choose));
    await panel.draw(report, cell, panel, figure.querySelector(".plot"), choice);
  }
}

/** Return the menus of a panel of an analysed cell. */
function menusOf(panel, cell, choice, choose) {
  const menu = (label, names) =>
    [menuOf(label, names.map((name, i) => [String(i), String(name)]), choice.entry ?? "0", choose("entry"))];
  if (panel.id === "attention") return menu("head", cell.maps.attention.dims.slice(0, 1).flatMap((n) => [...Array(n).keys()]));
  if (panel.id === "neurons") return menu("neuron", cell.neurons);
  if (panel.id === "circles") return menu("frequency", cell.keys);
  if (panel.id !== "embedding" || !cell.maps.W_E_norms_over_training) return [];
  const steps = cell.steps.map((step) => step.toLocaleString("en"));
  return [sliderOf("step", steps, 0, choice.step ?? steps.length - 1, choose("step"))];
}

/** Name a component of the basis: 1, cos 1, sin 1, cos 2, ... */
const componentName = (i) => (i === 0 ? "1" : `${i % 2 ? "cos" : "sin"} ${Math.ceil(i / 2)}`);

function drawEmbedding(report, cell, panel, node, choice) {
  const over = cell.maps.W_E_norms_over_training;
  const y = over ? curveOf(report.bytes, over, 0, choice.step ?? cell.steps.length - 1) : cell.W_E_norms;
  const isKey = (i) => cell.key_frequencies.includes(Math.ceil(i / 2));
  const colours = y.map((_, i) => lineColour(report.look, isKey(i) ? 1 : 0));
  const highest = Math.max(...cell.W_E_norms, ...(over ? [over.high] : []));
  return plot(node, [{ type: "bar", x: y.map((_, i) => componentName(i)), y, marker: { color: colours } }], {
    xaxis: { title: { text: "component (key frequencies in red)" }, type: "category", nticks: 12 },
    yaxis: { title: { text: "norm of W_E" }, range: [0, 1.05 * highest] },
  });
}

function drawStages(report, cell, panel, node) {
  const traces = cell.losses.map(([name, y], i) =>
    ({ x: cell.steps, y, name, mode: "lines", line: { color: lineColour(report.look, i), width: 1.6 } }));
  const shapes = cell.stages.map(([, fillcolor, x0, x1]) =>
    ({ type: "rect", x0, x1, yref: "paper", y0: 0, y1: 1, fillcolor, opacity: 0.16, line: { width: 0 }, layer: "below" }));
  for (const [name, color] of cell.stages) {
    traces.push({ x: [null], y: [null], name, mode: "markers", marker: { color, symbol: "square", size: 10 } });
  }
  return plot(node, traces, {
    shapes,
    legend: { x: 1.02, y: 1, font: { size: 10 } },
    xaxis: { title: { text: "step" } },
    yaxis: { title: { text: "nats" }, type: "log" },
  });
}

function drawMap2d(report, cell, panel, node, choice) {
  const map = mapOf(report, cell.maps[panel.id], Number(choice.entry ?? 0));
  // Rows of a map are x; it is drawn with x to the right.
  const z = map[0].map((_, y) => map.map((line) => line[y]));
  const isAttention = panel.id === "attention";
  const range = isAttention ? { zmin: 0, zmax: 1 } : {};
  return plot(node, [{ type: "heatmap", z, colorscale: colorscaleOf(report.look.scales.magnitude), ...range, colorbar: { thickness: 10 } }], {
    xaxis: { title: { text: "x" }, constrain: "domain" },
    yaxis: { title: { text: "y" }, scaleanchor: "x", constrain: "domain" },
  });
}

function drawCircle(report, cell, panel, node, choice) {
  const entry = Number(choice.entry ?? 0), frequency = cell.keys[entry];
  const points = mapOf(report, cell.maps.circles, entry), n = points.length;
  const angles = points.map((_, token) => (frequency * token) % n);
  const order = [...points.keys()].sort((one, other) => angles[one] - angles[other]);
  const at = (tokens) => ({ x: tokens.map((i) => points[i][0]), y: tokens.map((i) => points[i][1]) });
  const line = { ...at([...order, order[0]]), mode: "lines", line: { color: themeColour("--line"), width: 1 }, hoverinfo: "skip" };
  const dots = { ...at([...points.keys()]), mode: "markers", text: [...points.keys()].map((i) => `token ${i}`), hoverinfo: "text" };
  dots.marker = { color: angles, colorscale: colorscaleOf(report.look.scales.cyclic), cmin: 0, cmax: n, size: 7 };
  return plot(node, [line, dots], {
    showlegend: false,
    xaxis: { title: { text: `along cos ${frequency}` } },
    yaxis: { title: { text: `along sin ${frequency}` }, scaleanchor: "x" },
  });
}
