// Menus and sliders above the diagram and the panels.

/** Return a menu: its label, and what is called with a choice. */
function menuOf(label, options, value, choose) {
  const select = element("select");
  for (const [key, text] of options) {
    const option = element("option", { value: key }, text);
    option.selected = key === value;
    select.append(option);
  }
  select.addEventListener("change", () => choose(select.value));
  return element("label", {}, label, select);
}

/** Return a slider with the text of its position. */
function sliderOf(label, texts, first, value, choose) {
  const slider = element("input", { type: "range", min: first, max: texts.length - 1 + first, step: 1 });
  slider.value = value;
  const text = element("span", {});
  const show = () => {
    text.textContent = `${label}: ${texts[slider.value - first]}`;
    slider.setAttribute("aria-valuetext", texts[slider.value - first]);
  };
  show();
  slider.addEventListener("input", () => {
    show();
    choose(Number(slider.value));
  });
  return element("label", {}, text, slider);
}

/** Draw the menus of the diagram. */
function drawControls(report, state, change) {
  const run = report.runs[0], form = document.getElementById("controls");
  const axes = run.cells.axes.map((axis) => [axis.name, axis.label || "–"]);
  const pick = (side, other) => (name) => {
    // An axis that the other side shows changes places with it.
    const rest = name === state[other] ? { [other]: state[side] } : {};
    const { [name]: _, ...fixed } = state.fixed;
    change({ ...rest, [side]: name, fixed, open: [] });
  };
  // Each once: runs side by side share most of them.
  const measures = new Map(report.runs.flatMap((one) => one.cells.measures.map(({ name, title }) => [name, title])));
  form.replaceChildren(
    menuOf("across", axes, state.x, pick("x", "y")),
    menuOf("up", axes, state.y, pick("y", "x")),
    menuOf("colour", [["phase", "phase"], ...measures], state.colour, (colour) => change({ colour })));
  for (const axis of spareAxes(run, state)) {
    const value = axis.values.indexOf(state.fixed[axis.name]);
    const texts = ["all", ...axis.values];
    form.append(sliderOf(axis.label, texts, -1, value, (picked) => {
      const pin = (newest) => {
        const { [axis.name]: _, ...fixed } = newest.fixed;
        return { fixed: picked < 0 ? fixed : { ...fixed, [axis.name]: axis.values[picked] } };
      };
      change(pin, { keepControls: true });
    }));
  }
}

/** Draw the menus that all panels share. */
function drawOptions(report, state, change) {
  const box = element("input", { type: "checkbox" });
  box.checked = state.linear;
  box.addEventListener("change", () => change({ linear: box.checked }));
  const form = document.getElementById("options");
  form.replaceChildren(element("label", { class: "line" }, box, "steps on a linear scale"));
  const [one, ...others] = report.opened;
  const marks = one && !others.length ? stepMarks(report, one).map(({ line, name }) => `${name} (${line.dash === "dot" ? "dotted" : "dashed"})`) : [];
  if (marks.length) form.append(element("span", { class: "note" }, `upright lines: median ${marks.join(", ")}`));
}
