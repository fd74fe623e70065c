// Charts drawn with Vega-Lite, in the page's colours and at the width that there is.

import { element } from "./tables.js";

const library = import(document.getElementById("vega").href);

/** Draw rows into an element; the view, which knows how to become a picture. */
export async function draw(chart, rows, target) {
  await library;
  const width = target.clientWidth;
  const { view } = await window.vegaEmbed(target, specification(chart, rows, width), {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true, // expressions are interpreted, since the page's policy allows no eval
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
    config: config(width),
  });
  // the element around it is an image with a name, and a table stands below
  target.querySelector("svg").setAttribute("aria-hidden", "true");
  return view;
}

function specification(chart, rows, width) {
  const narrow = width < 480;
  const height = chart.ratio ? { height: Math.round(width * chart.ratio * (narrow ? 1.25 : 1)) } : {};
  const values = {
    ...Object.fromEntries(["ink", "paper", "sea"].map((name) => [name, colour(name)])),
    narrow,
    most: Math.max(0, ...rows.map((row) => row.visitors ?? 0)),
    present: [...new Set(rows.map((row) => row[chart.legend]))],
  };
  return {
    ...chart.spec,
    ...height,
    width,
    params: Object.entries(values).map(([name, value]) => ({ name, value })),
    datasets: { rows },
    autosize: { type: chart.ratio ? "fit" : "fit-x", contains: "padding" },
  };
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function config(width) {
  const [ink, quiet, line, low, high] = ["ink", "quiet", "line", "low", "high"].map(colour);
  const font = getComputedStyle(document.body).fontFamily;
  return {
    aria: false,
    background: colour("paper"),
    font,
    padding: { left: 2, top: 2, bottom: 2, right: 14 }, // the last of slanted names reaches beyond
    view: { stroke: null },
    axis: {
      labelColor: ink, titleColor: quiet, titleFontWeight: 400, gridColor: line, domainColor: line, tickColor: line,
      labelFontSize: 12, titleFontSize: 12, labelPadding: 6,
    },
    axisY: { labelLimit: Math.min(220, Math.round(width * 0.36)) },
    legend: { labelColor: ink, titleColor: quiet, titleFontWeight: 400, labelFontSize: 12, titleFontSize: 12, gradientLength: Math.min(220, width * 0.6) },
    text: { color: ink, fontSize: 12 },
    range: { ramp: [low, high], heatmap: [low, high] },
  };
}

/** Hand a file to the person at the browser. */
export function download(name, address) {
  element("a", { href: address, download: name }).click();
}
