// Cells gathered over two axes. The rule of medians is that of jaxgrok.results.phase_grid:
// a step is never invented, and a censored cell counts as later than any that grokked.

/** Return the median of numbers in which Infinity stands for "later than any", or null.
 *
 * Of two middle values one of which is Infinity, the number is the median. */
function median(values) {
  if (!values.length) return null;
  const ranked = [...values].sort((one, other) => one - other);
  const low = ranked[(ranked.length - 1) >> 1], high = ranked[ranked.length >> 1];
  const middle = Number.isFinite(high) ? (low + high) / 2 : low;
  return Number.isFinite(middle) ? middle : null;
}

const axisOf = (run, name) => run.cells.axes.find((axis) => axis.name === name);

/** Return the axes that neither side shows: those a slider picks from. */
function spareAxes(run, view) {
  const twins = ["train_fraction", "n_train"];
  const isTwin = (name) =>
    twins.includes(name) && (twins.includes(view.x) || twins.includes(view.y));
  return run.cells.axes.filter(
    (axis) =>
      axis.values.length > 1 && axis.name !== view.x && axis.name !== view.y && !isTwin(axis.name));
}

/** Return the squares of a view, row by row: each with its place and its cells. */
function squaresOf(run, view) {
  const x = axisOf(run, view.x), y = axisOf(run, view.y);
  const picks = spareAxes(run, view)
    .filter((axis) => view.fixed[axis.name] !== undefined)
    .map((axis) => [axis.index, axis.values.indexOf(view.fixed[axis.name])]);
  const squares = new Map();
  for (let cell = 0; cell < run.cells.labels.length; cell++) {
    if (picks.some(([index, value]) => index[cell] !== value)) continue;
    const row = y.index[cell], column = x.index[cell], key = row * x.values.length + column;
    if (!squares.has(key)) squares.set(key, { row, column, cells: [] });
    squares.get(key).cells.push(cell);
  }
  return [...squares.entries()].sort((one, other) => one[0] - other[0]).map((entry) => entry[1]);
}

/** Return how many cells of a square have each label, in the order of the labels. */
function countsOf(run, labels, cells) {
  const counts = new Array(labels.length).fill(0);
  for (const cell of cells) counts[run.cells.labels[cell]]++;
  return new Map(labels.map((label, i) => [label, counts[i]]).filter((entry) => entry[1]));
}

const minimum = (values) => (values.length ? Math.min(...values) : null);

/** Summarise a measure over the cells of a square.
 *
 * Where the measure is censored: `median` is null if the median cell is; `late` is the
 * step up to which the censored cells were followed; `reached` of `tested` have a value. */
function summarise(run, labels, measure, cells) {
  // Of runs side by side, one may lack what was read of the other.
  if (!measure) return { median: null, late: null, endStep: null };
  const values = measure.values;
  const present = cells.filter((cell) => values[cell] !== null);
  if (!measure.tested) {
    return { median: median(present.map((cell) => values[cell])), late: null, endStep: null };
  }
  const tested = cells.filter((cell) => measure.tested[cell]);
  const ended = labels.indexOf("ended");
  return {
    median: median(tested.map((cell) => values[cell] ?? Infinity)),
    late: minimum(tested.map((cell) => measure.late[cell]).filter((step) => step !== null)),
    endStep: minimum(
      cells.filter((cell) => run.cells.labels[cell] === ended).map((cell) => run.cells.followed[cell])),
    reached: tested.filter((cell) => values[cell] !== null).length,
    tested: tested.length,
  };
}

/** Return the selector that a user writes for a cell: axis values, or its row. */
function selectorOf(run, cell) {
  const words = [];
  if (!run.cells.unique) return String(cell);
  for (const axis of run.cells.axes.filter((axis) => axis.label)) {
    const text = axis.texts[axis.index[cell]];
    if (!text) return String(cell);
    words.push(`${axis.name}=${text}`);
  }
  return words.length ? words.join(",") : String(cell);
}
