// The page: the filters of its URL, the figures for them, and what is said where there are none.
//
// The URL is the whole state, so that a view can be shared and the browser's buttons work. All figures of a view come in
// one answer. What goes wrong is told in words, in place of the charts.

import { download, draw } from "./drawing.js";
import { csv, element, table } from "./tables.js";
import { range, written } from "./formatting.js";

const CHARTS = JSON.parse(document.getElementById("charts").textContent);
const FILTERS = { i94addr: "State", i94res: "Country of residence", region: "Region of residence" };
const ALL = { i94addr: "All states", i94res: "All countries", region: "All regions" };
const UNREACHABLE = "The server can't be reached. Is i94 serve still running? Reload the page to try again.";

const page = Object.fromEntries(
  ["filters", "figures", "main", "message", "key", "status", "totals", "release", "state", "checks", "trouble", "share"].map((id) => [
    id, document.getElementById(id),
  ]),
);
let shown = null; // the figures on the page
let asking = null; // what is on its way, and is given up when something else is asked for
let drawing = 0; // the number of the last drawing
const views = new Map(); // the drawn charts by name

// --- asking ----------------------------------------------------------------------------------------------------------

/** An answer of the server; what went wrong is thrown as a problem with words in it. */
async function ask(path, signal) {
  let answer;
  try {
    answer = await fetch(path, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    throw error.name === "AbortError" ? error : { status: 0, detail: UNREACHABLE };
  }
  if (answer.ok) return answer.json();
  throw await answer.json().catch(() => ({ status: answer.status, detail: `The server answered ${answer.status}.` }));
}

/** Show the view that the URL names. */
async function show() {
  asking?.abort();
  const mine = (asking = new AbortController());
  page.main.setAttribute("aria-busy", "true");
  try {
    const figures = await ask(`/dashboard/figures${location.search}`, mine.signal);
    shown = figures;
    offer(figures);
    await render();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error instanceof Error) console.error(error);
    refuse(error);
  }
  if (asking === mine) page.main.setAttribute("aria-busy", "false");
}

// --- what can't be shown ---------------------------------------------------------------------------------------------

function say(text) {
  page.message.textContent = text;
  page.message.hidden = !text;
}

function refuse(problem) {
  page.figures.hidden = true;
  page.key.hidden = problem.status !== 401;
  if (problem.status === 401) say("The session has ended, or none was opened. Open the URL that i94 serve printed, or enter an API key.");
  else say(problem.detail ?? "The page has made a mistake; its console says more.");
  page.status.textContent = "";
}

page.key.addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = page.key.elements.key;
  const headers = { Authorization: `Bearer ${input.value.trim()}` };
  input.value = "";
  const answer = await fetch("/session", { method: "POST", headers }).catch(() => null);
  if (!answer) say(UNREACHABLE);
  else if (answer.ok) await Promise.all([show(), tell()]);
  else say((await answer.json()).detail);
});

// --- filters ---------------------------------------------------------------------------------------------------------

/** Fill the controls with what there is, and set them to the URL. */
function offer(figures) {
  const sent = new URLSearchParams(location.search);
  const months = figures.release.months.map((key) => ({ value: key, label: written(key, "month") }));
  options("from", months, sent.get("from") ?? months[0]?.value, "not published");
  options("to", months, sent.get("to") ?? months.at(-1)?.value, "not published");
  for (const name of Object.keys(FILTERS)) {
    options(name, [{ value: "", label: ALL[name] }, ...figures.choices[name]], sent.get(name) ?? "", "unknown here");
  }
  page.filters.hidden = false;
}

function options(name, choices, chosen, otherwise) {
  const known = choices.some((choice) => String(choice.value) === chosen);
  const all = known || chosen === undefined ? choices : [...choices, { value: chosen, label: `${chosen} (${otherwise})` }];
  const made = all.map((choice) => new Option(choice.label || "(empty)", choice.value, false, String(choice.value) === chosen));
  page.filters.elements[name].replaceChildren(...made);
}

page.filters.addEventListener("change", () => {
  const all = shown.release.months;
  const { from, to } = page.filters.elements;
  const chosen = new URLSearchParams();
  if (from.value !== all[0]) chosen.set("from", from.value);
  if (to.value !== all.at(-1)) chosen.set("to", to.value);
  for (const name of Object.keys(FILTERS)) if (page.filters.elements[name].value) chosen.set(name, page.filters.elements[name].value);
  go(chosen);
});

page.filters.addEventListener("reset", (event) => {
  event.preventDefault();
  go(new URLSearchParams());
});

page.filters.addEventListener("submit", (event) => event.preventDefault());

function go(chosen) {
  history.pushState(null, "", `${location.pathname}${chosen.size ? `?${chosen}` : ""}`);
  show();
}

window.addEventListener("popstate", show);

page.share.addEventListener("click", async () => {
  await navigator.clipboard.writeText(location.href);
  page.status.textContent = "The link to this view was copied.";
  page.share.textContent = "Copied";
  setTimeout(() => (page.share.textContent = "Copy link"), 2000);
});

// --- figures ---------------------------------------------------------------------------------------------------------

async function render() {
  const { release, charts: { months } } = shown;
  const published = months.filter((month) => month.visitors !== null);
  page.key.hidden = true;
  page.release.textContent = `Data as of ${written(release.data_as_of, "moment")} · release ${release.version.slice(0, 8)}`;
  if (!published.length) {
    refuse({ detail: nothing(release) });
    return;
  }
  const absent = months.filter((month) => month.visitors === null).map((month) => written(month.month, "month"));
  const visitors = published.reduce((sum, month) => sum + month.visitors, 0);
  const missing = absent.length ? `Not published: ${absent.join(", ")}.` : "";
  say([missing, visitors ? "" : "No visitors fit these months and filters; choose others, or show all."].filter(Boolean).join(" "));
  page.figures.hidden = false;
  sumUp(visitors, published);
  await drawAll();
  page.status.textContent = `${written(visitors, "count")} visitors, ${range(months[0].month, months.at(-1).month)}.`;
}

function nothing(release) {
  if (!release.months.length) return "The published release has no months yet; run 'i94 run'.";
  return `Nothing is published for these months; there is ${range(release.months[0], release.months.at(-1))}.`;
}

function sumUp(visitors, published) {
  const last = published.at(-1);
  const [state, origin] = [shown.charts.states[0], shown.charts.origin[0]];
  const tiles = [
    [range(published[0].month, last.month), written(visitors, "count"), `visitors in ${published.length === 1 ? "the month" : `${published.length} months`}`],
    [written(last.month, "month"), written(last.visitors, "count"), changed(last)],
  ];
  const share = (row) => `${written(row.visitors, "count")} visitors, ${written(row.visitors / visitors, "share")}`;
  if (state) tiles.push(["Most went to", state.state, share(state)]);
  if (origin) tiles.push(["Most live in", origin.label, share(origin)]);
  page.totals.replaceChildren(
    ...tiles.map(([name, figure, more]) =>
      element("div", {}, element("dt", {}, name), element("dd", { className: /^[\d,]+$/.test(figure) ? "" : "words" }, figure), element("dd", {}, more)),
    ),
  );
}

function changed(month) {
  if (month.before === null) return "The month before is not published.";
  if (month.change === null) return "There were none in the month before.";
  const arrow = month.change > 0 ? "▲" : month.change < 0 ? "▼" : "●";
  return `${arrow} ${written(month.change, "change")} on the month before (${written(month.before, "count")})`;
}

/** Draw every chart, unless another drawing begins meanwhile. */
async function drawAll() {
  const mine = (drawing += 1);
  for (const chart of CHARTS) {
    if (mine !== drawing) return;
    await drawOne(chart);
  }
  performance.mark("drawn");
}

async function drawOne(chart) {
  const card = document.getElementById(chart.name);
  const [target, empty, note] = [".chart", ".empty", ".note"].map((part) => card.querySelector(part));
  const rows = shown.charts[chart.name];
  const drawn = chart.draws ? rows.filter((row) => row[chart.draws] !== null) : rows;
  const nobody = chart.counted && !rows.some((row) => row.visitors);
  views.get(chart.name)?.finalize();
  views.delete(chart.name);
  told(note, notes(chart, rows, drawn));
  fillTable(card, chart, rows);
  for (const button of card.querySelectorAll("button")) button.disabled = nobody || !rows.length;
  if (nobody || !drawn.length) {
    target.hidden = true;
    told(empty, "Nothing fits these months and filters.");
    return;
  }
  target.hidden = false;
  told(empty, "");
  try {
    views.set(chart.name, await draw(chart, drawn, target));
  } catch (error) {
    console.error(error);
    target.hidden = true;
    told(empty, "The chart could not be drawn; its table is complete.");
    card.querySelector(".png").disabled = true;
  }
}

function told(target, text) {
  target.textContent = text;
  target.hidden = !text;
}

/** What a reader must know of a chart: which filters it does not heed, and whom it does not draw. */
function notes(chart, rows, drawn) {
  const sent = new URLSearchParams(location.search);
  const unheeded = Object.keys(FILTERS).filter((name) => sent.has(name) && !chart.heeds.includes(name));
  const left = rows.filter((row) => !drawn.includes(row)).reduce((sum, row) => sum + (row.visitors ?? 0), 0);
  return [
    unheeded.length && chart.monthly ? `Not narrowed by ${unheeded.map((name) => FILTERS[name].toLowerCase()).join(" and ")}, which this mart does not have.` : "",
    left ? `${written(left, "count")} visitors have no place on it; the table has them.` : "",
  ].filter(Boolean).join(" ");
}

/** Tables are filled when they are opened. */
function fillTable(card, chart, rows) {
  const details = card.querySelector("details");
  const fill = () => details.open && card.querySelector(".table").replaceChildren(table(chart.columns, rows, chart.title));
  details.ontoggle = fill;
  fill();
}

for (const chart of CHARTS) {
  const card = document.getElementById(chart.name);
  const name = () => ["i94", chart.name, ...new Set([shown.charts.months[0].month, shown.charts.months.at(-1).month])].join("-");
  card.querySelector(".csv").addEventListener("click", () => {
    const file = new Blob([csv(chart.columns, shown.charts[chart.name])], { type: "text/csv" });
    const address = URL.createObjectURL(file);
    download(`${name()}.csv`, address);
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });
  card.querySelector(".png").addEventListener("click", async () => {
    download(`${name()}.png`, await views.get(chart.name).toImageURL("png", 2));
  });
}

// --- what is published -----------------------------------------------------------------------------------------------

/** Release and checks, below the figures. */
async function tell() {
  try {
    const status = await ask("/api/v1/status");
    page.checks.replaceChildren(...released(status.release), ...checked(status.tables));
    page.state.replaceChildren("checks: ", ...summary(status.tables).flatMap((part, place) => (place ? [", ", part] : [part])));
    told(page.trouble, status.trouble ? `What was published last can't be read, and the release before is shown: ${status.trouble}` : "");
  } catch (problem) {
    page.checks.replaceChildren(element("p", {}, `What the checks said can't be shown. ${problem.detail ?? problem}`));
  }
}

function released(release) {
  const months = release.months;
  const facts = [
    ["Data as of", written(release.data_as_of, "moment")],
    ["Published", written(release.published_at, "moment")],
    ["Release", release.version],
    ["Months", months.length ? `${months.length}: ${range(months[0], months.at(-1))}` : "none"],
  ];
  return [element("h3", {}, "What is published"), element("dl", {}, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]))];
}

/** How many tables are in which state, the worst first. */
function summary(tables) {
  const states = Object.values(tables).map((found) => found.checks.state);
  return ["failed", "warned", "passed", "unchecked"]
    .map((state) => [state, states.filter((found) => found === state).length])
    .filter(([, n]) => n)
    .map(([state, n]) => element("span", { className: state }, `${n} ${n === 1 ? "table" : "tables"} ${state}`));
}

function checked(tables) {
  const told = Object.entries(tables).flatMap(([name, { checks }]) =>
    checks.complaints.map(({ check, month, blocking, told }) => {
      const state = blocking ? "failed" : "warned";
      return element("li", {}, element("strong", { className: state }, state), ` ${[name, month, check].filter(Boolean).join(", ")}: ${told}`);
    }),
  );
  return [
    element("h3", {}, "Checks"),
    element("ul", {}, ...summary(tables).map((part) => element("li", {}, part))),
    ...(told.length ? [element("ul", { className: "complaints" }, ...told)] : []),
  ];
}

// --- beginning -------------------------------------------------------------------------------------------------------

let width = window.innerWidth;
let settling = 0;
const again = () => shown && !page.figures.hidden && drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
window.addEventListener("resize", () => {
  if (window.innerWidth === width) return; // a phone's bars come and go
  width = window.innerWidth;
  clearTimeout(settling);
  settling = setTimeout(again, 150);
});

show();
tell();
