// Numbers and cells in words; all are written as text, none as markup.

/** Return a step in at most three digits: 950, 1.6k, 12.5k, 2M. */
function short(step) {
  const rounded = Number(step.toPrecision(3));
  if (rounded < 0) return "−" + short(-rounded);
  // Divided after rounding: 999,999 is 1M, not 1000k.
  for (const [size, unit] of [[1e6, "M"], [1e3, "k"]]) {
    if (rounded >= size) return Number((rounded / size).toPrecision(3)) + unit;
  }
  return String(rounded);
}

/** Return a number in three digits, small ones as 2.1e−8. */
function numberText(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0 || Math.abs(value) >= 1e-3) return short(value);
  return value.toExponential(1).replaceAll("-", "−");
}

/** Return what a square says of its grok steps. */
function censoredText(square) {
  let text = "–";
  if (square.median !== null) text = short(square.median);
  else if (square.late !== null) text = ">" + short(square.late);
  else if (square.endStep !== null && !square.reached) text = "end\n" + short(square.endStep);
  const all = square.reached === 0 || square.reached === square.tested;
  return all ? text : `${text}\n${square.reached}/${square.tested}`;
}

/** Return the phases of a square, the most first: "2 grokking, 1 memorisation". */
function countsText(counts) {
  const entries = [...counts].sort((one, other) => other[1] - one[1]);
  return entries.map(([label, count]) => `${count} ${label}`).join(", ");
}

/** Make an element with attributes, and with texts or elements inside. */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Make an element of the drawing. */
function shape(name, attributes = {}, ...children) {
  const namespace = document.getElementById("shapes").namespaceURI;
  const node = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
