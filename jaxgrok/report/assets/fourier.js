// Maps over both inputs in the Fourier basis of jaxgrok.fourier: attention and neurons.

const MOST_NAMED = 12;

/** Return the orthonormal rows of the basis: 1, cos 1, sin 1, cos 2, ... */
function basisOf(n) {
  return Array.from({ length: n }, (_, row) => {
    const k = Math.ceil(row / 2), wave = row % 2 ? Math.cos : Math.sin;
    // The mean square of a wave is 1/2; of the constant and of cos at n/2 it is 1.
    const size = Math.sqrt((k === 0 || 2 * k === n ? 1 : 2) / n);
    return Array.from({ length: n }, (_, x) => (row ? size * wave((2 * Math.PI * ((k * x) % n)) / n) : size));
  });
}

const transposed = (lines) => lines[0].map((_, j) => lines.map((line) => line[j]));

/** Return the components of a map [x, y] along both inputs, without its mean. */
function componentsOf(map) {
  const rows = basisOf(map.length);
  const dot = (one, other) => one.reduce((sum, value, i) => sum + value * other[i], 0);
  const along = (lines) => lines.map((line) => rows.map((row) => dot(row, line)));
  const parts = transposed(along(transposed(along(map))));
  // The mean would dwarf what varies.
  parts[0][0] = 0;
  return parts;
}

const transforms = new WeakMap();

/** Return the components of all maps of a kind, computed once. */
function allComponents(report, entry) {
  if (!transforms.has(entry)) {
    transforms.set(entry, Array.from({ length: entry.dims[0] }, (_, i) => componentsOf(mapOf(report, entry, i))));
  }
  return transforms.get(entry);
}

/** Name a component of the basis: 1, cos 1, sin 1, cos 2, ... */
const componentName = (i) => (i === 0 ? "1" : `${i % 2 ? "cos" : "sin"} ${Math.ceil(i / 2)}`);

const hasNames = (cell) => cell.key_frequencies.length > 0 && cell.key_frequencies.length <= MOST_NAMED;

/** Return the rows of the constant and of some frequencies; without any, all rows. */
function rowsOf(frequencies, n) {
  const rows = [...Array(n).keys()];
  return frequencies ? rows.filter((row) => row === 0 || frequencies.includes(Math.ceil(row / 2))) : rows;
}

/** Return the share of squares of components [x, y] that lie in some rows of both. */
function shareIn(parts, rows) {
  const sum = (lines) => lines.flat().reduce((total, value) => total + value ** 2, 0);
  const total = sum(parts);
  return total ? sum(rows.map((i) => rows.map((j) => parts[i][j]))) / total : 0;
}

/** Draw the components of a map: those of the key frequencies, or all. */
function drawTerms(report, cell, panel, node, choice) {
  const entry = cell.maps[panel.of], index = Number(choice.entry ?? 0);
  const all = allComponents(report, entry), parts = all[index];
  const isKey = hasNames(cell) && choice.terms !== "all";
  // A neuron has a frequency of its own, which need not be a key one.
  const own = panel.of === "neurons" ? [cell.neurons[index].frequency].filter(Boolean) : [];
  const rows = rowsOf(isKey ? [...cell.key_frequencies, ...own] : null, parts.length);
  const names = rows.map(componentName);
  const z = rows.map((j) => rows.map((i) => parts[i][j]));
  // Heads share a scale; a neuron has its own.
  const shown = panel.of === "attention" ? all : [parts];
  const bound = shown.flat(2).reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const share = `${Math.round(100 * shareIn(parts, rows))}%`, heading = node.closest("figure").querySelector("h3");
  heading.textContent = isKey ? `key terms: ${share}` : panel.title;
  heading.title = isKey ? `they have ${share} of its variance` : "";
  const axis = { type: "category", automargin: true, constrain: "domain", tickfont: { size: 9.5 }, ...(isKey ? { dtick: 1 } : { nticks: 10 }) };
  return plot(node, [{
    type: "heatmap", x: names, y: names, z, zmin: -bound, zmax: bound,
    colorscale: colorscaleOf(report.look.scales.components), colorbar: { thickness: 10 },
    hovertemplate: `${cell.inputs[0]}: %{x}<br>${cell.inputs[1]}: %{y}<br>%{z:.3g}<extra></extra>`,
  }], {
    xaxis: { ...axis, title: { text: `term of ${cell.inputs[0]}` }, tickangle: -90 },
    yaxis: { ...axis, title: { text: `term of ${cell.inputs[1]}` }, scaleanchor: "x" },
  });
}
