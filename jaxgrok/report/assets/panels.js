// The panels of the opened squares: which there are, and what each draws.

const curvesOf = (run, dim) => run.curves.sections.find((section) => section.dim === dim);

/** Return the panels that the curves of a run have something for. */
function panelsOf(run) {
  const panels = [], plain = curvesOf(run, "")?.curves ?? [];
  const named = (name) => plain.find((curve) => curve.name === name);
  for (const [id, part] of [["loss", "loss"], ["accuracy", "accuracy"]]) {
    const lines = ["train", "test"]
      .map((set) => ({ name: set, curve: named(`${set}_${part}`), entry: 0, exact: `${set}_${part}` }))
      .filter(({ curve }) => curve);
    if (lines.length) panels.push({ id, title: id, lines: () => lines, log: part === "loss", unit: part === "loss" ? "nats" : "" });
  }
  const others = plain.filter((curve) => !/^(train|test)_(loss|accuracy)$/.test(curve.name));
  if (others.length) panels.push(chosenPanel("measures", "progress measures", { labels: [], curves: others }));
  for (const section of run.curves.sections) {
    if (section.dim === "freq") panels.push(spectrumPanel(section));
    else if (section.dim === "matrix") panels.push({ ...chosenPanel("norms", "weight norms", section), isWide: true });
    else if (section.dim) panels.push(chosenPanel(section.dim, `per ${section.dim}`, section));
  }
  return panels;
}

/** Name a parameter by its last name and, of several blocks, its block: W_E, 0.W_K. */
function shortNames(labels) {
  const last = labels.map((label) => label.split(".").pop());
  const inBlock = labels.map((label, i) => (/^blocks\.(\d+)\./.test(label) ? `${label.split(".")[1]}.${last[i]}` : last[i]));
  return [last, inBlock, labels].find((names) => new Set(names).size === labels.length) ?? labels;
}

/** Return a panel of the entries of a curve, with menus for both. */
function chosenPanel(id, title, section) {
  const menus = [], first = section.curves.find(({ name }) => name.endsWith("test_accuracy")) ?? section.curves[0];
  if (section.curves.length > 1) {
    menus.push({ key: "curve", label: "curve", first: first.name, options: section.curves.map((curve) => [curve.name, curve.title]) });
  }
  const isSquares = section.dim === "matrix" && section.curves[0].name === "sum_of_squares";
  if (section.labels.length > 1) {
    const options = section.labels.map((label, i) => [String(i), label]);
    if (isSquares) options.unshift(["total", "all together"]);
    menus.push({ key: "entry", label: section.dim, options: [["each", "each"], ...options] });
  }
  const lines = (choice, isAlone) => {
    const curve = section.curves.find((one) => one.name === choice.curve) ?? first;
    const root = curve.name === "sum_of_squares";
    const name = (entry) => (entry === "total" ? "total" : shortNames(section.labels)[entry] ?? curve.title);
    const line = (entry) => ({ name: name(entry), curve, entry, root });
    if (section.labels.length < 2) return [line(0)];
    const entry = choice.entry ?? "each";
    if (entry === "each" && isAlone) return section.labels.map((_, i) => line(i));
    // Of several squares each has a colour: one entry at a time.
    if (entry === "each") return [line(isSquares ? "total" : 0)];
    return [line(entry === "total" ? entry : Number(entry))];
  };
  const log = (choice) => (section.curves.find((one) => one.name === choice.curve) ?? first).log;
  return { id, title, menus, lines, log };
}

/** Return the panel of spectra, with a slider over the steps. */
function spectrumPanel(section) {
  const options = section.curves.map((curve) => [curve.name, curve.title]);
  const menus = options.length > 1 ? [{ key: "curve", label: "of", options }] : [];
  return { id: "spectrum", title: "spectrum over frequencies", menus, section, hasSlider: true };
}

/** Draw one panel of the opened squares. */
async function drawPanel(report, state, panel, node) {
  const choice = choiceOf(state, panel);
  if (panel.hasSlider) return drawSpectrum(report, state, panel, node, choice);
  const { opened } = report, isAlone = opened.length === 1, traces = [];
  for (const [i, square] of opened.entries()) {
    const own = panelsOf(square.run).find(({ id }) => id === panel.id);
    if (!own) continue;
    own.lines(choice, isAlone).forEach((line, j, { length }) => {
      const colour = lineColour(report.look, isAlone ? j : i, isAlone ? length : opened.length);
      // Of several squares, each has a colour; what comes before the last is dotted.
      const isDotted = !isAlone && j < length - 1;
      const name = isAlone ? line.name : legendName(report, state, square);
      const dash = isDotted ? "dot" : isAlone && j >= report.look.many.length ? "dash" : "solid";
      const style = { name: isDotted ? `${name}: ${line.name}` : name, colour, dash };
      const more = tracesOf(report, square, line, style);
      if (isDotted) for (const trace of more) trace.showlegend = false;
      traces.push(...more);
    });
  }
  const isLog = typeof panel.log === "function" ? panel.log(choice) : panel.log;
  const axes = {
    // On a log scale, ticks at 1, 2 and 5.
    xaxis: { title: { text: "step" }, tickformat: "~s", ...(state.linear ? { type: "linear" } : { type: "log", dtick: "D2" }) },
    yaxis: { title: { text: panel.unit ?? "" }, ...(isLog ? logAxis(traces) : { type: "linear" }) },
  };
  if (panel.id === "accuracy") axes.yaxis.range = [-0.03, 1.03];
  const names = new Set(traces.map((trace) => trace.legendgroup));
  // Beside the plot, where a row above it would be a column.
  if (names.size > 4) axes.legend = { x: 1.02, y: 1, font: { size: 10 } };
  if (names.size > 14) axes.showlegend = false;
  if (isAlone) axes.shapes = stepMarks(report, opened[0]);
  await plot(node, traces, axes);
}

/** Return a log scale; over one decade or two, with ticks at 1, 2 and 5. */
function logAxis(traces) {
  const logs = traces.flatMap(({ y }) => y).filter((value) => value > 0).map(Math.log10);
  const span = logs.reduce((most, value) => Math.max(most, value), -Infinity) - logs.reduce((least, value) => Math.min(least, value), Infinity);
  return { type: "log", ...(span < 2.5 ? { tickformat: "~g" } : {}), ...(span > 0.8 && span < 2.5 ? { dtick: "D2" } : {}) };
}

/** Mark the median memorise and grok steps of an opened square. */
function stepMarks(report, square) {
  const marks = [];
  for (const [name, dash] of [["memorise_step", "dot"], ["grok_step", "dash"]]) {
    const measure = measureOf(square.run, name);
    const { median: step } = summarise(square.run, report.look.labels, measure, square.cells);
    if (!step) continue;
    const line = { color: themeColour("--pale"), width: 1, dash };
    marks.push({ name: name.replace("_", " "), type: "line", x0: step, x1: step, yref: "paper", y0: 0, y1: 1, line });
  }
  return marks;
}

/** Draw the spectra of the opened squares at one step, a bar a frequency. */
async function drawSpectrum(report, state, panel, node, choice) {
  const traces = [], { opened } = report;
  const step = stepsOf(report)[choice.step ?? stepsOf(report).length - 1];
  // Seeds choose different frequencies, which a median would mix: each has bars of its own.
  const [{ run, cells }] = opened;
  const isEach = opened.length === 1 && cells.length <= report.look.lines.length;
  const groups = isEach
    ? cells.map((cell) => ({ run, cells: [cell], name: memberName(run, cell, cells) }))
    : opened.map((square) => ({ ...square, name: legendName(report, state, square) }));
  for (const [i, group] of groups.entries()) {
    const section = curvesOf(group.run, "freq");
    if (!section) continue;
    const curve = section.curves.find((one) => one.name === choice.curve) ?? section.curves[0];
    const y = section.labels.map((_, entry) => spectrumAt(report, group, { curve, entry }, step));
    traces.push({ type: "bar", x: section.labels, y, name: group.name, marker: { color: lineColour(report.look, i) } });
  }
  const { title } = panel.section.curves.find((one) => one.name === choice.curve) ?? panel.section.curves[0];
  const isMedian = groups.some((group) => group.cells.length > 1);
  await plot(node, traces, {
    showlegend: groups.length > 1,
    xaxis: { title: { text: "frequency" }, type: "category" },
    yaxis: { title: { text: isMedian ? `${title}, median` : title }, rangemode: "tozero" },
  });
}

/** Return one entry of a spectrum at a step, or at a cell's end before it: the median of cells. */
function spectrumAt(report, { run, cells }, line, step) {
  const values = cells.map((cell) => {
    const { x, y } = seriesOf(report, run, cell, line);
    return y[x.findLastIndex((at) => at <= step)];
  });
  return median(values.filter(Number.isFinite));
}

/** Return the steps that a slider goes through: those kept, to the last opened cell's. */
function stepsOf(report) {
  const ends = report.opened.flatMap(({ run, cells }) => cells.map((cell) => run.curves.last_step[cell] ?? 0));
  const last = Math.max(0, ...ends), { steps } = report.opened[0].run.curves;
  return [...steps.filter((step) => step < last), last];
}

/** Return what the menus and the slider of a panel say. */
function choiceOf(state, panel) {
  const choice = {};
  for (const [key, value] of Object.entries(state.choices)) {
    const [id, name] = key.split(".");
    if (id === panel.id) choice[name] = name === "step" ? Number(value) : value;
  }
  return choice;
}
