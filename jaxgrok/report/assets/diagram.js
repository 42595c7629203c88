// The phase diagram: one element a square, in rows, for each run.

const GAP = 8, LETTER = 6.8, LONGEST = 16;

/** Return what a tick says of a value. */
const tickText = (value) => (value.length > LONGEST ? value.slice(0, LONGEST - 1) + "…" : value);

/** Return the lengths, in pixels, of a diagram that has so much room. */
function layoutOf(run, view, room) {
  const x = axisOf(run, view.x), y = axisOf(run, view.y);
  const longest = (axis) => Math.max(...axis.values.map((value) => tickText(value).length), 1);
  const left = longest(y) * LETTER + (y.label ? 26 : 10);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  // Sides are independent: 200 × 10 squares are narrow and high.
  const width = clamp((room - left - 16) / x.values.length, 3, 66);
  const height = clamp(520 / y.values.length, 6, 46);
  const every = Math.ceil((longest(x) * LETTER + GAP) / width);
  // The name of the side stands upright: few rows need room for it.
  const top = Math.max(6, (y.label.length * 7.4 - y.values.length * height) / 2);
  return { x, y, left, top, width, height, every, everyRow: Math.ceil(15 / height) };
}

/** Draw the squares of one run; return its svg. */
function drawDiagram(report, index, state, room) {
  const run = report.runs[index], at = layoutOf(run, state, room);
  const columns = at.x.values.length, rows = at.y.values.length;
  const svg = shape("svg", {
    role: "grid",
    "aria-label": `${run.name}: ${at.y.label} by ${at.x.label}`,
    "aria-rowcount": rows,
    "aria-colcount": columns,
    width: at.left + columns * at.width + 14,
    height: at.top + rows * at.height + (at.x.label ? 46 : 26),
  });
  const bottom = at.top + rows * at.height;
  drawLabels(svg, at, bottom);
  const lines = new Map();
  for (const square of report.squares[index]) {
    if (!lines.has(square.row)) {
      lines.set(square.row, shape("g", { role: "row", "aria-rowindex": rows - square.row }));
    }
    lines.get(square.row).append(drawSquare(report, index, state, square, at, bottom));
  }
  // From the top down, as they are read.
  for (const row of [...lines.keys()].sort((one, other) => other - one)) svg.append(lines.get(row));
  drawBoundaries(svg, run, report.squares[index], state, at, bottom);
  svg.append(shape("g", { class: "marks" }));
  return svg;
}

function drawLabels(svg, at, bottom) {
  at.x.values.forEach((value, column) => {
    if (column % at.every) return;
    const place = { x: at.left + (column + 0.5) * at.width, y: bottom + 15, "text-anchor": "middle" };
    svg.append(shape("text", place, tickText(value)));
  });
  at.y.values.forEach((value, row) => {
    if (row % at.everyRow) return;
    const place = { x: at.left - 6, y: bottom - (row + 0.5) * at.height + 4, "text-anchor": "end" };
    svg.append(shape("text", place, tickText(value)));
  });
  const middle = at.left + (at.x.values.length * at.width) / 2;
  svg.append(shape("text", { class: "side", x: middle, y: bottom + 36, "text-anchor": "middle" }, at.x.label));
  const centre = (at.top + bottom) / 2, turn = `rotate(-90 13 ${centre})`;
  svg.append(
    shape("text", { class: "side", x: 13, y: centre, "text-anchor": "middle", transform: turn }, at.y.label));
}

/** Return where a square lies. */
function boxOf(square, at, bottom) {
  const gap = Math.min(at.width, at.height) > 9 ? 1 : 0;
  return {
    x: at.left + square.column * at.width + gap,
    y: bottom - (square.row + 1) * at.height + gap,
    width: at.width - 2 * gap,
    height: at.height - 2 * gap,
  };
}

function drawSquare(report, index, state, square, at, bottom) {
  const run = report.runs[index], box = boxOf(square, at, bottom);
  const group = shape("g", {
    role: "gridcell",
    id: `square-${index}-${square.row}-${square.column}`,
    tabindex: -1,
    "aria-colindex": square.column + 1,
    "aria-selected": "false",
    "aria-label": wordsOf(report, run, state, square).join("; "),
    "data-phases": [...square.counts].map(([label, count]) => `${label}:${count}`).join(" "),
    "data-value": square.value.median ?? "",
  });
  const colour = fillSquare(group, report, state, square, box);
  const lines = textOf(state, square).split("\n");
  if (box.width < 32 || box.height < 13 * lines.length || !colour) return group;
  const size = Math.min(12, box.width / 3.4);
  lines.forEach((line, i) => {
    const y = box.y + box.height / 2 + (i - (lines.length - 1) / 2) * 13;
    const place = { x: box.x + box.width / 2, y, fill: textOn(colour), "font-size": size };
    group.append(shape("text", { ...place, style: `fill:${textOn(colour)}` }, line));
  });
  return group;
}

/** Fill a square; return the colour below a text, or null where none can be read. */
function fillSquare(group, report, state, square, box) {
  const { look } = report;
  if (state.colour === "phase") {
    const total = square.cells.length;
    let start = 0;
    for (const [label, count] of square.counts) {
      const width = (box.width * count) / total;
      const fill = box.width > 11 ? `url(#hatch-${label})` : look.fills[label];
      group.append(shape("rect", { ...box, x: box.x + start, width, fill }));
      start += width;
    }
    return null;
  }
  const { median: value, late, endStep } = square.value;
  let colour = look.fills.unknown;
  if (value !== null) colour = blend(report.scale.stops, report.scale.share(value));
  else if (late !== null) colour = look.fills.censored;
  else if (endStep !== null) colour = look.fills.ended;
  group.append(shape("rect", { ...box, fill: colour }));
  return colour;
}

const textOf = (state, square) =>
  "reached" in square.value
    ? censoredText(square.value)
    : square.value.median === null ? "" : numberText(square.value.median);

/** Return what a square says in words: its place, phases, grok step and colour. */
function wordsOf(report, run, state, square) {
  const place = [["y", square.row], ["x", square.column]]
    .map(([side, i]) => [axisOf(run, state[side]), i])
    .filter(([axis]) => axis.label)
    .map(([axis, i]) => `${axis.label} ${axis.values[i]}`);
  const words = [place.join(", "), countsText(square.counts)];
  const grok = summarise(run, report.look.labels, measureOf(run, "grok_step"), square.cells);
  words.push("median grok step " + censoredText(grok).replace("\n", ", grokked "));
  if (state.colour !== "phase" && state.colour !== "grok_step") {
    const { title, missing } = anyMeasure(report, state.colour);
    words.push(`${title} ${textOf(state, square).replace("\n", ", ") || missing || "–"}`);
  }
  return words;
}

const measureOf = (run, name) => run.cells.measures.find((measure) => measure.name === name);

/** Return a measure as the first run that has it describes it. */
const anyMeasure = (report, name) => report.runs.map((run) => measureOf(run, name)).find(Boolean);
