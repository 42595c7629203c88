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
  const common = { gridcolor: line, linecolor: line, zeroline: false, exponentformat: "power" };
  // Beside a narrow plot, a legend would leave it no room: it goes below.
  const below = node.clientWidth < 420 && axes.legend && { ...axes.legend, orientation: "h", x: 0, y: -0.3, yanchor: "top" };
  node.style.height = below ? "360px" : "";
  const above = { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 11 } };
  const layout = {
    margin: { l: 60, r: 10, t: 8, b: 40 },
    paper_bgcolor: themeColour("--paper"),
    plot_bgcolor: themeColour("--paper"),
    font: { color: ink, size: 11.5, family: "system-ui, Segoe UI, Roboto, DejaVu Sans, sans-serif" },
    hovermode: "closest",
    barmode: "group",
    ...axes,
    legend: { ...(below || axes.legend || above), tracegroupgap: 0 },
    xaxis: { ...common, ...axes.xaxis },
    // Without a standoff, the title may lie on the labels of the ticks.
    yaxis: { ...common, ...axes.yaxis, title: { standoff: 6, ...axes.yaxis.title } },
  };
  await Plotly.react(node, traces, layout, { displayModeBar: false, responsive: true });
}

/** Save a panel as a file. */
async function save(node, name, format) {
  const Plotly = await loadPlotly();
  const size = { width: Math.max(node.offsetWidth, 480), height: Math.max(node.offsetHeight, 320) };
  await Plotly.downloadImage(node, { format, filename: name, scale: format === "png" ? 3 : 1, ...size });
}
