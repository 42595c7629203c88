// Plots by plotly.js, in the colours of the page.

// Unpacked while the data are read and the squares drawn; run when a plot needs it.
const plotlyText = unpack("plotly");
let plotlyLoaded = null;

/** Load plotly.js, once. */
function loadPlotly() {
  plotlyLoaded ??= plotlyText.then((buffer) => {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(buffer);
    document.head.append(script);
    return window.Plotly;
  });
  return plotlyLoaded;
}

/** Draw traces into a panel, or draw them anew. */
async function plot(node, traces, axes) {
  const Plotly = await loadPlotly();
  const ink = themeColour("--ink"), line = themeColour("--line");
  const common = { gridcolor: line, linecolor: line, zeroline: false, automargin: true, exponentformat: "power" };
  const layout = {
    margin: { l: 54, r: 10, t: 8, b: 40 },
    paper_bgcolor: themeColour("--paper"),
    plot_bgcolor: themeColour("--paper"),
    font: { color: ink, size: 11.5, family: "system-ui, Segoe UI, Roboto, DejaVu Sans, sans-serif" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 11 } },
    hovermode: "closest",
    barmode: "group",
    ...axes,
    xaxis: { ...common, ...axes.xaxis },
    yaxis: { ...common, ...axes.yaxis },
  };
  await Plotly.react(node, traces, layout, { displayModeBar: false, responsive: true });
}

/** Save a panel as a file. */
async function save(node, name, format) {
  const Plotly = await loadPlotly();
  const size = { width: Math.max(node.offsetWidth, 480), height: Math.max(node.offsetHeight, 320) };
  await Plotly.downloadImage(node, { format, filename: name, scale: format === "png" ? 3 : 1, ...size });
}
