// What the colours and signs of the diagram mean.

const MEANINGS = {
  comprehension: "the test accuracy held soon after the train accuracy did, or before",
  grokking: "the test accuracy held long after the train accuracy did",
  memorisation: "the train accuracy held, the test accuracy not within the budget",
  confusion: "neither accuracy held within the budget",
  diverged: "the loss stopped being finite",
  untested: "there are no test examples",
  ended: "ended early by another rule than these thresholds",
  pending: "not trained yet",
};

/** Draw the legend and the notes below the diagrams. */
function drawLegend(report, state) {
  const legend = document.getElementById("legend"), squares = report.squares.flat();
  legend.replaceChildren();
  if (state.colour === "phase") {
    const present = new Set(squares.flatMap((square) => [...square.counts.keys()]));
    for (const label of report.look.labels.filter((label) => present.has(label))) {
      legend.append(keyOf(`url(#hatch-${label})`, label, MEANINGS[label]));
    }
  } else {
    if (report.scale) legend.append(barOf(report.scale));
    const values = squares.map((square) => square.value);
    const { fills } = report.look;
    if (values.some((value) => value.median === null && value.late !== null)) {
      legend.append(keyOf(fills.censored, "censored: not within the budget"));
    }
    if (values.some((value) => value.median === null && value.late === null)) {
      legend.append(keyOf(fills.unknown, anyMeasure(report, state.colour).missing ?? "none"));
    }
  }
  if (document.querySelector(".crossover")) {
    const line = shape("svg", { width: 22, height: 16, "aria-hidden": "true" });
    line.append(shape("path", { d: "M2 8h18", stroke: "currentColor", "stroke-width": 4 }));
    line.append(shape("path", { d: "M11 1v14", stroke: "currentColor", "stroke-width": 2 }));
    legend.append(element("span", { class: "key" }, line, "crossover, and its interval"));
  }
  document.getElementById("notes").textContent = notesOf(report, state).join("; ");
}

function keyOf(fill, text, meaning = "") {
  const sample = shape("svg", { width: 22, height: 16, "aria-hidden": "true" });
  sample.append(shape("rect", { width: 22, height: 16, fill }));
  return element("span", { class: "key", title: meaning }, sample, text);
}

/** Return the colour bar of a scale. */
function barOf(scale) {
  const width = 260, bar = shape("svg", { class: "bar", width: width + 40, height: 34 });
  const count = scale.stops.length;
  scale.stops.forEach((fill, i) => {
    bar.append(shape("rect", { x: 20 + (i * width) / count, width: width / count + 0.5, height: 14, fill }));
  });
  for (const [share, value] of scale.ticks) {
    const x = 20 + share * width;
    bar.append(shape("path", { d: `M${x} 14v4`, stroke: "currentColor" }));
    bar.append(shape("text", { x, y: 30 }, numberText(value)));
  }
  return bar;
}

/** Say what the signs in the squares mean, those that are present. */
function notesOf(report, state) {
  const notes = [], run = report.runs[0];
  const gathered = spareAxes(run, state).filter((axis) => state.fixed[axis.name] === undefined);
  const others = gathered.filter((axis) => axis.name !== "seed").map((axis) => axis.label);
  if (others.length) notes.push(`a square gathers ${gathered.map((axis) => axis.label).join(", ")}`);
  const members = others.length ? "cells" : "seeds", squares = report.squares.flat();
  if (state.colour === "phase") {
    const isSplit = (square) => [...square.counts.keys()].filter((label) => label !== "pending").length > 1;
    if (squares.some(isSplit)) notes.push(`split square: ${members} disagree`);
  } else if (squares.some(({ value }) => value.reached > 0 && value.reached < value.tested)) {
    notes.push(`n/m: n of m ${members} did, and the others count as later than any number`);
  } else if (gathered.length) {
    notes.push(`medians over ${members}`);
  }
  return notes;
}
