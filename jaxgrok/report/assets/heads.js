// Scores of attention heads over training, where the task's circuit lies in heads.

const DASHES = ["solid", "dash", "dashdot", "dot"];

/** Draw one score of every head: a colour a layer, a dash a head. */
function drawHeads(report, cell, panel, node) {
  const entry = cell.maps[panel.id], layers = [...new Set(cell.heads.map((name) => name.split(".")[0]))];
  const traces = cell.heads.map((name, i) => {
    const [layer, head] = name.split(".").map(Number), y = curveOf(report.bytes, entry, 0, i);
    const colour = lineColour(report.look, layers.indexOf(String(layer)));
    return {
      x: cell.steps, y, mode: "lines", name: `${name}: ${y[y.length - 1].toFixed(2)}`,
      line: { color: colour, width: 1.6, dash: DASHES[head % DASHES.length] },
    };
  });
  return plot(node, traces, {
    legend: { x: 1.02, y: 1, font: { size: 10 }, title: { text: "head: last", font: { size: 10 } } },
    xaxis: { title: { text: "step" }, tickformat: "~s" },
    yaxis: { title: { text: "attention paid" }, range: [-0.03, 1.03] },
  });
}
