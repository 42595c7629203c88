// From packed curves to the lines of a plot: seeds thin, their median thick.

const MOST_THIN = 40;

/** Return the steps and values of one curve of a cell. */
function seriesOf(report, run, cell, line) {
  const { steps, last_step: ends } = run.curves, end = ends[cell];
  if (end === null || end === undefined) return { x: [], y: [] };
  const entries = line.entry === "total" ? line.curve.shape[1] : 1;
  const first = line.entry === "total" ? 0 : line.entry;
  let values = curveOf(report.bytes, line.curve, cell, first);
  for (let entry = 1; entry < entries; entry++) {
    const more = curveOf(report.bytes, line.curve, cell, entry);
    values = values.map((value, i) => value + more[i]);
  }
  if (line.root) values = values.map(Math.sqrt);
  // The last point is the cell's last evaluation, with the number of cells.csv.
  const exact = line.exact ? run.cells.finals[line.exact]?.[cell] : null;
  const count = steps.filter((step) => step < end).length;
  const y = [...values.slice(0, count), exact ?? values[values.length - 1]];
  return { x: [...steps.slice(0, count), end], y };
}

/** Return the median of several curves, at the steps that most of them have. */
function medianSeries(members) {
  const columns = new Map();
  for (const { x, y } of members) {
    x.forEach((step, i) => {
      if (!Number.isFinite(y[i])) return;
      if (!columns.has(step)) columns.set(step, []);
      columns.get(step).push(y[i]);
    });
  }
  const steps = [...columns.keys()].filter((step) => 2 * columns.get(step).length > members.length);
  steps.sort((one, other) => one - other);
  return { x: steps, y: steps.map((step) => median(columns.get(step))) };
}

/** Return the traces of one line of a panel for the cells of one opened square. */
function tracesOf(report, opened, line, style) {
  const members = opened.cells
    .map((cell) => ({ cell, ...seriesOf(report, opened.run, cell, line) }))
    .filter(({ x }) => x.length);
  const alone = members.length === 1, traces = [];
  const base = { mode: "lines", type: "scatter", legendgroup: style.name };
  const thin = members.length <= MOST_THIN ? members : [];
  for (const { cell, x, y } of thin) {
    traces.push({
      ...base, x, y,
      name: alone ? style.name : `${style.name}, ${memberName(opened.run, cell, opened.cells)}`,
      showlegend: alone,
      opacity: alone ? 1 : 0.55,
      line: { color: style.colour, width: alone ? 2 : 1, dash: style.dash },
      meta: { cell },
    });
  }
  if (alone || !members.length) return traces;
  const middle = medianSeries(members);
  const line2 = { color: style.colour, width: 2.5, dash: style.dash };
  return [...traces, { ...base, ...middle, name: style.name, line: line2, meta: { median: true } }];
}

/** Name a cell among others of its square: by the axes in which they differ. */
function memberName(run, cell, cells) {
  const axes = run.cells.axes.filter((axis) => new Set(cells.map((one) => axis.index[one])).size > 1);
  return axes.map((axis) => `${axis.label} ${axis.values[axis.index[cell]]}`).join(", ") || `cell ${cell}`;
}

/** Name an opened square by its axis values alone, as a legend does. */
function legendName(report, state, opened) {
  const words = report.runs.length > 1 ? [opened.run.name] : [];
  for (const [side, i] of [["y", opened.square.row], ["x", opened.square.column]]) {
    const axis = axisOf(opened.run, state[side]);
    if (axis.label) words.push(axis.values[i]);
  }
  return words.join(" · ") || "all cells";
}

/** Name an opened square. */
function squareName(report, state, opened) {
  const words = report.runs.length > 1 ? [opened.run.name] : [];
  for (const [side, i] of [["y", opened.square.row], ["x", opened.square.column]]) {
    const axis = axisOf(opened.run, state[side]);
    if (axis.label) words.push(`${axis.label} ${axis.values[i]}`);
  }
  return words.join(", ") || "all cells";
}
