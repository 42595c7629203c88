// The crossovers of a search on the diagram: how much data half of the seeds need.

const SIZES = ["n_train", "train_fraction"];

/** Draw the crossovers on a diagram one side of which is the amount of data. */
function drawBoundaries(svg, run, squares, state, at, bottom) {
  const isUp = SIZES.includes(state.y), other = isUp ? state.x : state.y;
  if (isUp === SIZES.includes(state.x)) return;
  const sizes = sizesOf(run, squares, isUp);
  for (const row of run.boundaries.rows) {
    const { [other]: place, ...rest } = row.at;
    const isShown = Object.entries(rest).every(([name, index]) =>
      axisOf(run, name)?.values.indexOf(state.fixed[name]) === index || axisOf(run, name)?.values.length === 1);
    if (place === undefined || !isShown) continue;
    const points = [row.low, row.crossover, row.high].map((size) => positionOf(sizes, size));
    drawBoundary(svg, points, place, isUp, at, bottom, wordsOfBoundary(row));
  }
}

/** Return the places along a side, in squares, and the training examples there. */
function sizesOf(run, squares, isUp) {
  const sizes = new Map();
  for (const { row, column, cells } of squares) sizes.set(isUp ? row : column, run.boundaries.n_train[cells[0]]);
  return [...sizes].sort((one, other) => one[0] - other[0]);
}

/** Return where so many examples lie along a side, between squares on a log scale. */
function positionOf(sizes, size) {
  if (size === null) return null;
  const above = sizes.findIndex(([, other]) => other >= size);
  if (above === 0) return sizes[0][0];
  if (above < 0) return sizes[sizes.length - 1][0];
  const [low, few] = sizes[above - 1], [high, many] = sizes[above];
  return low + ((high - low) * Math.log(size / few)) / Math.log(many / few);
}

function drawBoundary(svg, [low, middle, high], place, isUp, at, bottom, words) {
  const along = (position) =>
    isUp ? bottom - (position + 0.5) * at.height : at.left + (position + 0.5) * at.width;
  const across = isUp ? at.left + place * at.width : bottom - (place + 1) * at.height;
  const size = isUp ? at.width : at.height;
  const line = (from, to, first, last, width) => {
    const [x1, x2, y1, y2] = isUp ? [from, to, first, last] : [first, last, from, to];
    return shape("line", { x1, x2, y1, y2, class: "crossover", "stroke-width": width });
  };
  const group = shape("g", { role: "img", "aria-label": words });
  const centre = across + size / 2;
  if (low !== null && high !== null) group.append(line(centre, centre, along(low), along(high), 2));
  if (middle !== null) group.append(line(across + size * 0.1, across + size * 0.9, along(middle), along(middle), 4));
  svg.append(group);
}

const wordsOfBoundary = (row) =>
  `crossover at ${row.crossover ?? "–"} training examples, between ${row.low ?? "…"} and ${row.high ?? "…"}`;
