// The figures of analysed cells: spectrum, losses with stages, attention, neurons, circles.

/** Return one map of several [maps, x, y], as nested lists. */
function mapOf(report, entry, index) {
  const [, rows] = entry.dims;
  return Array.from({ length: rows }, (_, row) => curveOf(report.bytes, entry, 0, index * rows + row));
}

/** Return a scale of the page as plotly.js takes it. */
const colorscaleOf = (stops) => stops.map((colour, i) => [i / (stops.length - 1), colour]);

const circuitPanels = [
  { id: "embedding", title: "embedding spectrum", has: (cell) => cell.W_E_norms, draw: drawEmbedding },
  { id: "circles", title: "W_E along a frequency", has: (cell) => cell.maps.circles, draw: drawCircle },
  { id: "stages", title: "losses and stages", isWide: true, has: (cell) => cell.losses?.length, draw: drawStages },
  { id: "attention", isMap: true, title: "attention from = to x", has: (cell) => cell.maps.attention, draw: drawMap2d },
  { id: "attention-terms", isMap: true, of: "attention", title: "Fourier terms", has: (cell) => cell.maps.attention, draw: drawTerms },
  { id: "neurons", isMap: true, title: "a neuron over all pairs", has: (cell) => cell.maps.neurons, draw: drawMap2d },
  { id: "neurons-terms", isMap: true, of: "neurons", title: "Fourier terms", has: (cell) => cell.maps.neurons, draw: drawTerms },
  { id: "previous_token", title: "previous-token score", has: (cell) => cell.heads, draw: drawHeads },
  { id: "induction", title: "induction score", has: (cell) => cell.heads, draw: drawHeads },
];

/** Return the jobs of the figures of an opened cell that was analysed: of several, the chosen one. */
function circuitJobs(report, state, change) {
  const node = document.getElementById("circuits");
  const matches = report.opened.flatMap(({ run, cells }) =>
    run.analysed.filter(({ cell }) => cells.includes(cell)).map((cell) => ({ run, cell, key: `${run.name} ${cell.cell}` })));
  if (!matches.length) {
    node.replaceChildren();
    return [];
  }
  const match = matches.find(({ key }) => key === state.choices["circuit.cell"]) ?? matches[0];
  const { cell, key } = match, keys = matches.map((one) => one.key).join();
  const panels = circuitPanels.filter((panel) => panel.has(cell));
  if (node.dataset.key !== key || node.dataset.keys !== keys || !node.children.length) {
    const grid = element("div", { class: "grid" }, ...panels.map((panel) => panelNode(panel)));
    node.replaceChildren(...headingOf(matches, match, change), grid);
    Object.assign(node.dataset, { key, keys });
  }
  return panels.map((panel) => {
    const figure = document.getElementById(`panel-${panel.id}`), form = figure.querySelector("form");
    // The components are those of the map beside them.
    const choice = { ...choiceOf(state, { id: panel.of }), ...choiceOf(state, panel) };
    const choose = (name) => (value) =>
      change((newest) => ({ choices: { ...newest.choices, [`${panel.id}.${name}`]: value } }));
    if (!form.contains(document.activeElement)) form.replaceChildren(...menusOf(panel, cell, choice, choose));
    return jobOf(state, figure, choice, (plotNode) => panel.draw(report, cell, panel, plotNode, choice));
  });
}

/** Return the heading of an analysed cell, with a menu where others are open too. */
function headingOf(matches, { run, cell, key }, change) {
  const nameOf = (one) => memberName(one.run, one.cell.cell, matches.map((other) => other.cell.cell));
  const noun = cell.heads ? "attention heads" : "circuit", step = cell.step.toLocaleString("en");
  const frequencies = cell.key_frequencies ?? [];
  const keys = frequencies.length ? `key frequencies ${frequencies.join(", ")}; ` : "";
  const nodes = [element("h2", {}, `${noun} of cell ${cell.cell}, step ${step}`), element("p", { class: "hint" }, keys + (cell.verdict ?? ""))];
  if (matches.length < 2) return nodes;
  const choose = (value) => change((newest) => ({ choices: { ...newest.choices, "circuit.cell": value } }));
  const options = matches.map((one) => [one.key, nameOf(one)]);
  return [nodes[0], element("form", {}, menuOf("analysed cell", options, key, choose)), nodes[1]];
}

/** Return the menus of a panel of an analysed cell. */
function menusOf(panel, cell, choice, choose) {
  const menu = (label, names) =>
    [menuOf(label, names.map((name, i) => [String(i), String(name)]), choice.entry ?? "0", choose("entry"))];
  if (panel.id === "attention") return menu("head", cell.maps.attention.dims.slice(0, 1).flatMap((n) => [...Array(n).keys()]));
  if (panel.id === "neurons") return menu("neuron", cell.neurons.map(neuronName));
  if (panel.id === "circles") return menu("frequency", cell.keys);
  if (panel.of && hasNames(cell)) {
    return [menuOf("terms", [["key", "of key frequencies"], ["all", "all"]], choice.terms ?? "key", choose("terms"))];
  }
  if (panel.id !== "embedding" || !cell.maps.W_E_norms_over_training) return [];
  const steps = cell.steps.map((step) => step.toLocaleString("en"));
  return [sliderOf("step", steps, 0, choice.step ?? steps.length - 1, choose("step"))];
}

/** Name a neuron with its frequency, and with the share of its variance that this explains. */
const neuronName = ({ index, frequency, explained }) =>
  frequency ? `${index} (k = ${frequency}, ${Math.round(100 * explained)}%)` : `${index} (never changes)`;

function drawEmbedding(report, cell, panel, node, choice) {
  const over = cell.maps.W_E_norms_over_training;
  const y = over ? curveOf(report.bytes, over, 0, choice.step ?? cell.steps.length - 1) : cell.W_E_norms;
  const isKey = (i) => cell.key_frequencies.includes(Math.ceil(i / 2));
  const colours = y.map((_, i) => lineColour(report.look, isKey(i) ? 1 : 0));
  const highest = Math.max(...cell.W_E_norms, ...(over ? [over.high] : []));
  // The constant at 0, then cosine and sine left and right of their frequency.
  const places = y.map((_, i) => (i + 0.5) / 2), names = y.map((_, i) => componentName(i));
  return plot(node, [{
    type: "bar", x: places, y, width: 0.5, marker: { color: colours, line: { width: 0 } },
    text: names, textposition: "none", hovertemplate: "%{text}: %{y:.3g}<extra></extra>",
  }], {
    xaxis: { title: { text: "frequency; key ones in red" }, showgrid: false },
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
    xaxis: { title: { text: "step" }, tickformat: "~s" },
    yaxis: { title: { text: "nats" }, type: "log" },
  });
}

function drawMap2d(report, cell, panel, node, choice) {
  const map = mapOf(report, cell.maps[panel.id], Number(choice.entry ?? 0));
  // Rows of a map are x; it is drawn with x to the right.
  const z = map[0].map((_, y) => map.map((line) => line[y]));
  const values = map.flat(), bound = Math.max(...values.map(Math.abs)) || 1;
  const isSigned = Math.min(...values) < 0, { scales } = report.look;
  const range = panel.id === "attention" ? { zmin: 0, zmax: 1 } : { zmin: isSigned ? -bound : 0, zmax: bound };
  return plot(node, [{
    type: "heatmap", z, ...range, colorscale: colorscaleOf(isSigned ? scales.components : scales.magnitude), colorbar: { thickness: 10 },
    hovertemplate: "%{x}, %{y}: %{z:.3g}<extra></extra>",
  }], {
    xaxis: { title: { text: cell.inputs[0] }, constrain: "domain" },
    yaxis: { title: { text: cell.inputs[1] }, scaleanchor: "x", constrain: "domain" },
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
