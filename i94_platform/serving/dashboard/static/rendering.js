// Renders a chart with Vega-Lite, in the colours of the page and at the width of its element.

import { CONFIG } from "./config.js";

const vega = import(document.getElementById("vega").href);
const COLORS = ["ink", "muted", "paper", "sea", "land", "low", "high", "blue", "orange", "grey"];
const LEAST_DEGREES = 0.08; // two pixels of the largest map
const atlases = new Map();

/** Reads a colour of the page's style sheet. */
export const readColor = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Fetches outlines once: `us-atlas/states-10m` or `world-atlas/countries-110m`. */
export function loadAtlas(name) {
  if (!atlases.has(name)) {
    const url = `${document.getElementById("static").content}/vendor/${name}.json`;
    atlases.set(name, fetch(url).then((response) => response.json()).then(simplifyOutlines));
  }
  return atlases.get(name);
}

/** Leaves out points that no screen tells apart: neighbours share the same lines, so no gap opens. */
function simplifyOutlines(atlas) {
  const [scaleX, scaleY] = atlas.transform.scale;
  const arcs = atlas.arcs.map((arc) => {
    const points = [arc[0]];
    let [stepX, stepY] = [0, 0]; // from the last point that stays
    arc.slice(1).forEach(([x, y], index) => {
      [stepX, stepY] = [stepX + x, stepY + y];
      if (index < arc.length - 2 && Math.hypot(stepX * scaleX, stepY * scaleY) < LEAST_DEGREES) return;
      points.push([stepX, stepY]);
      [stepX, stepY] = [0, 0];
    });
    return points.length < 4 ? arc : points; // a small island keeps its shape
  });
  return { ...atlas, arcs };
}

/**
 * Renders a chart into an element. Returns Vega's view, which can export an image.
 *
 * @param {string} name the file of the specification
 * @param {object} datasets rows by the names that the specification uses
 * @param {object} params values of the specification's parameters
 * @param {HTMLElement} target the element; its function `onPick` gets the row of a mark that is clicked
 */
export async function renderChart(name, datasets, params, target) {
  await vega;
  const canvas = document.createElement("div"); // Vega gives it a role and a name of its own
  target.replaceChildren(canvas);
  const { view } = await window.vegaEmbed(canvas, completeSpec(CONFIG.charts[name], datasets, params, target.clientWidth), {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true, // interprets expressions, because the page's policy allows no eval
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
    config: createConfig(target.clientWidth),
  });
  // the element around it is an image with a name and a summary, and the table has the figures
  target.querySelector("svg").setAttribute("aria-hidden", "true");
  view.addEventListener("click", (_, item) => item?.datum?.code !== undefined && target.onPick?.(item.datum));
  return view;
}

function completeSpec({ spec, ratio, measure = "visitors" }, datasets, params, width) {
  const narrow = width < 480;
  const most = Math.max(0, ...datasets.rows.map((row) => row[measure] ?? 0));
  const all = { ...Object.fromEntries(COLORS.map((color) => [color, readColor(color)])), narrow, most, ...params };
  return {
    ...replaceParams(spec, all),
    ...(ratio ? { height: Math.round(width * ratio * (narrow ? 1.2 : 1)) } : {}),
    width,
    params: Object.entries(all).map(([name, value]) => ({ name, value })),
    datasets,
    autosize: { type: ratio ? "fit" : "fit-x", contains: "padding" },
  };
}

/** Replaces each `{"$param": name}` by the value of the parameter. */
const replaceParams = (spec, params) =>
  JSON.parse(JSON.stringify(spec), (_, value) => (value?.$param === undefined ? value : params[value.$param]));

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
    legend: { ...labels, labelLimit: 260, gradientLength: Math.min(220, width * 0.6) },
    text: { color: ink, fontSize: 12 },
    range: { ramp: [low, high], heatmap: [low, high] },
  };
}
