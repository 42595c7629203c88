// What is shown, as the hash of the address: a copy of it shows the same.

/** Return the state that the page begins with. */
function firstState(report) {
  const { view } = report.runs[0].cells;
  return { x: view.x, y: view.y, colour: "phase", fixed: {}, open: [], linear: false, choices: {} };
}

/** Write a state as a hash. */
function hashOf(state) {
  const words = new URLSearchParams({ x: state.x, y: state.y, colour: state.colour });
  for (const [name, value] of Object.entries(state.fixed)) words.set(`at.${name}`, value);
  for (const [key, value] of Object.entries(state.choices)) words.set(`in.${key}`, value);
  if (state.linear) words.set("linear", "1");
  if (state.open.length) words.set("open", state.open.join(" "));
  return words.toString();
}

/** Read a hash; what it names that the run does not have is left as it was. */
function stateOf(report, hash) {
  const state = firstState(report), words = new URLSearchParams(hash), run = report.runs[0];
  for (const side of ["x", "y"]) if (axisOf(run, words.get(side))) state[side] = words.get(side);
  if (state.x === state.y) Object.assign(state, { x: run.cells.view.x, y: run.cells.view.y });
  if (anyMeasure(report, words.get("colour"))) state.colour = words.get("colour");
  for (const [key, value] of words) {
    const name = key.slice(3), axis = axisOf(run, name);
    if (key.startsWith("at.") && axis?.values.includes(value)) state.fixed[name] = value;
    if (key.startsWith("in.")) state.choices[name] = value;
  }
  state.linear = words.get("linear") === "1";
  state.open = (words.get("open") ?? "").split(" ").filter((id) => /^square(-\d+){3}$/.test(id));
  return state;
}
