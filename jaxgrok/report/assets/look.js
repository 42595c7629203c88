// Colours, scales and hatches.

const HATCHES = {
  grokking: "M0 8L8 0M-2 2L2 -2M6 10L10 6",
  memorisation: "M4 0V8",
  confusion: "M0 4H8",
  diverged: "M0 0L8 8M8 0L0 8",
  untested: "M3.2 4h1.6",
  ended: "M0 0L8 8M-2 6L2 10M6 -2L10 2",
  failed: "M0 0L8 8M8 0L0 8",
  pending: "M0 8L8 0",
};
const HATCH_COLOURS = {
  grokking: "#1d6fa5",
  memorisation: "#8f3d00",
  confusion: "#9a6bb8",
  diverged: "#ffffff",
  untested: "#777777",
  ended: "#4e9c7c",
  failed: "#d01010",
  pending: "#b4b4b4",
};

/** Define the hatch of every label, for fills by url(#hatch-LABEL). */
function defineHatches(look) {
  const defs = document.querySelector("#shapes defs");
  for (const label of look.labels) {
    const attributes = { id: `hatch-${label}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" };
    const pattern = shape("pattern", attributes);
    pattern.append(shape("rect", { width: 8, height: 8, fill: look.fills[label] }));
    if (HATCHES[label]) {
      const width = label === "untested" ? 2.2 : 1;
      const line = { d: HATCHES[label], stroke: HATCH_COLOURS[label], "stroke-width": width };
      pattern.append(shape("path", { ...line, fill: "none" }));
    }
    defs.append(pattern);
  }
}

/** Return black or white, whichever can be read on a colour #rrggbb. */
function textOn(colour) {
  const [red, green, blue] = channels(colour);
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? "#ffffff" : "#000000";
}

const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

/** Return the colour at a share, 0 to 1, of a list of colours. */
function blend(stops, share) {
  const position = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const index = Math.min(Math.floor(position), stops.length - 2);
  const first = channels(stops[index]), second = channels(stops[index + 1]);
  const mixed = first.map((c, i) => Math.round(c + (second[i] - c) * (position - index)));
  return "#" + mixed.map((c) => c.toString(16).padStart(2, "0")).join("");
}

/** Return the scale of a measure over the numbers that squares show. */
function scaleOf(look, kind, numbers) {
  const low = Math.min(...numbers), high = Math.max(...numbers);
  if (!numbers.length) return null;
  if (kind === "log" && low >= 0) {
    const least = Math.max(low, low >= 1 ? 1 : 1e-12), most = Math.max(high, least);
    // One number alone would give a log scale of no width.
    const margin = Math.max(1, Math.sqrt((2.5 * least) / most));
    const from = Math.log10(least / margin), to = Math.log10(most * margin);
    const share = (value) => (Math.log10(Math.max(value, least)) - from) / (to - from);
    return { stops: look.scales.steps, share, ticks: logTicks(from, to) };
  }
  const isSigned = low < 0;
  const bound = kind === "share" ? 1 : Math.max(Math.abs(low), Math.abs(high)) || 1;
  const from = isSigned ? -bound : 0;
  const share = (value) => (value - from) / (bound - from);
  const parts = kind === "count" ? countParts(bound) : 4;
  const ticks = Array.from({ length: parts + 1 }, (_, i) => [i / parts, from + (i / parts) * (bound - from)]);
  return { stops: isSigned ? look.scales.signed : look.scales.steps, share, ticks };
}

/** Return in how many parts a bar from 0 to a whole number falls, each a whole number. */
const countParts = (most) => [5, 4, 3, 2].find((parts) => most % parts === 0) ?? (most < 8 ? most : 1);

/** Return round numbers on a log scale, with their shares of it. */
function logTicks(from, to) {
  const decades = to - from;
  const numbers = decades > 3 ? [1] : decades < 1 ? [1, 1.5, 2, 3, 5, 7] : [1, 2, 5];
  const every = Math.max(1, Math.ceil(decades / 7));
  const ticks = [];
  for (let power = Math.floor(from); power <= Math.ceil(to); power++) {
    if (numbers.length === 1 && power % every) continue;
    for (const number of numbers) {
      const at = (Math.log10(number) + power - from) / (to - from);
      if (at >= 0 && at <= 1) ticks.push([at, number * 10 ** power]);
    }
  }
  return ticks;
}

/** Return a colour of the page: --ink, --paper, ... */
const themeColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Return the colour of a line, one of so many; black is the ink's, for the dark. */
function lineColour(look, index, count = 1) {
  const colours = count > look.lines.length ? look.many : look.lines, colour = colours[index % colours.length];
  return colour === "#000000" ? themeColour("--ink") : colour;
}
