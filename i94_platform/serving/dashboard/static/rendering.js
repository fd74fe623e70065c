// Renders charts with Vega-Lite, in the colours of the page and at the width of their element.

const vega = import(document.getElementById("vega").href);

/** Renders rows into an element. Returns Vega's view, which can export an image. */
export async function renderChart(chart, rows, target) {
  await vega;
  const width = target.clientWidth;
  const { view } = await window.vegaEmbed(target, completeSpec(chart, rows, width), {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true, // interprets expressions, because the page's policy allows no eval
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
    config: createConfig(width),
  });
  // the element around it is an image with a label, and the table has the figures
  target.querySelector("svg").setAttribute("aria-hidden", "true");
  return view;
}

function completeSpec(chart, rows, width) {
  const narrow = width < 480;
  const height = chart.ratio ? { height: Math.round(width * chart.ratio * (narrow ? 1.25 : 1)) } : {};
  const params = {
    ...Object.fromEntries(["ink", "paper", "sea"].map((name) => [name, readColor(name)])),
    narrow,
    most: Math.max(0, ...rows.map((row) => row.visitors ?? 0)),
    present: [...new Set(rows.map((row) => row[chart.legend]))],
  };
  return {
    ...chart.spec,
    ...height,
    width,
    params: Object.entries(params).map(([name, value]) => ({ name, value })),
    datasets: { rows },
    autosize: { type: chart.ratio ? "fit" : "fit-x", contains: "padding" },
  };
}

const readColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function createConfig(width) {
  const [ink, muted, line, low, high] = ["ink", "muted", "line", "low", "high"].map(readColor);
  const labels = { labelColor: ink, titleColor: muted, titleFontWeight: 400, labelFontSize: 12, titleFontSize: 12 };
  return {
    aria: false,
    background: readColor("paper"),
    font: getComputedStyle(document.body).fontFamily,
    padding: { left: 2, top: 2, bottom: 2, right: 14 }, // for the end of the last slanted label
    view: { stroke: null },
    axis: { ...labels, gridColor: line, domainColor: line, tickColor: line, labelPadding: 6 },
    axisY: { labelLimit: Math.min(220, Math.round(width * 0.36)) },
    legend: { ...labels, gradientLength: Math.min(220, width * 0.6) },
    text: { color: ink, fontSize: 12 },
    range: { ramp: [low, high], heatmap: [low, high] },
  };
}
