// What made the run: grid file, versions, device.

/** Draw the facts of every run. */
function drawFacts(report) {
  const node = document.getElementById("facts");
  for (const run of report.runs) {
    const name = report.runs.length > 1 ? `${run.name}: about the run` : "about the run";
    node.append(detailsOf(name, tableOf(run.facts.rows)));
    node.append(detailsOf("every field of the grid", tableOf(run.facts.config)));
    if (run.facts.text) node.append(detailsOf("the grid file", element("pre", {}, run.facts.text)));
  }
  const { curves } = report.runs[0], notes = [];
  if (curves.evaluations > curves.steps.length) {
    notes.push(`Curves keep ${curves.steps.length} of ${curves.evaluations} evaluations, evenly spaced on a log scale, and each cell's last.`);
  }
  notes.push("Values of curves are rounded to three digits; last losses and accuracies are exact.");
  if (curves.left_out?.length) notes.push(`For want of room, curves along ${curves.left_out.join(", ")} are left out.`);
  node.append(element("p", { class: "hint" }, notes.join(" ")));
}

const detailsOf = (name, content) =>
  element("details", {}, element("summary", {}, name), element("div", { class: "scroll" }, content));

function tableOf(rows) {
  const lines = rows.map(([name, text]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "text" }, text)));
  return element("table", {}, ...lines);
}
