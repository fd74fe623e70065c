// The page: reads months and filters from its URL, fetches the rows of all charts for them, and renders these.
//
// The URL is the whole state, so that a view can be shared and the browser's buttons work. A problem is shown in place
// of the charts.

import { format, formatRange } from "./formatting.js";
import { renderChart } from "./rendering.js";
import { createElement, createTable, formatCsv } from "./tables.js";

const CHARTS = JSON.parse(document.getElementById("charts").textContent);
const FILTERS = {
  i94addr: { name: "state", all: "All states" },
  i94res: { name: "country of residence", all: "All countries" },
  region: { name: "region of residence", all: "All regions" },
};
const UNREACHABLE = "The server can't be reached. Is i94 serve still running? Reload the page to try again.";
const LOGIN = "The session has ended, or there was none. Open the URL that i94 serve printed, or enter an API key.";

const byId = (id) => document.getElementById(id);
const [main, content, filters, login] = ["main", "content", "filters", "login"].map(byId);
const filterQuery = () => new URLSearchParams(location.search);

let summaries = null; // what the page shows
let pending = null; // aborts the request for other summaries
let renderings = 0; // counts renderings, so that one stops when a newer one starts
const views = new Map(); // Vega's views by the names of their charts

// --- requests --------------------------------------------------------------------------------------------------------

/** Fetches JSON; throws a problem with `status` and `detail`. */
async function fetchJson(path, signal) {
  let response;
  try {
    response = await fetch(path, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    throw error.name === "AbortError" ? error : { status: 0, detail: UNREACHABLE };
  }
  if (response.ok) return response.json();
  throw await response.json().catch(() => ({ status: response.status, detail: `The server answered ${response.status}.` }));
}

/** Shows the view that the URL names. */
async function showView() {
  pending?.abort();
  const request = (pending = new AbortController());
  main.setAttribute("aria-busy", "true");
  try {
    summaries = await fetchJson(`/dashboard/summaries${location.search}`, request.signal);
    fillFilters();
    await render();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error instanceof Error) console.error(error);
    showProblem(error);
  }
  if (pending === request) main.setAttribute("aria-busy", "false");
}

function showText(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

function showProblem(problem) {
  content.hidden = true;
  login.hidden = problem.status !== 401;
  byId("status").textContent = "";
  showText(byId("message"), login.hidden ? (problem.detail ?? "The page has an error; the console has the details.") : LOGIN);
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = login.elements.key;
  const headers = { Authorization: `Bearer ${input.value.trim()}` };
  input.value = "";
  const response = await fetch("/session", { method: "POST", headers }).catch(() => null);
  if (response?.ok) await Promise.all([showView(), showStatus()]);
  else showText(byId("message"), response ? (await response.json()).detail : UNREACHABLE);
});

// --- filters ---------------------------------------------------------------------------------------------------------

/** Fills the controls with the published values, and selects those of the URL. */
function fillFilters() {
  const query = filterQuery();
  const months = summaries.release.months.map((key) => ({ value: key, label: format(key, "month") }));
  fillSelect("from", months, query.get("from") ?? months[0]?.value, "not published");
  fillSelect("to", months, query.get("to") ?? months.at(-1)?.value, "not published");
  for (const [name, { all }] of Object.entries(FILTERS)) {
    fillSelect(name, [{ value: "", label: all }, ...summaries.choices[name]], query.get(name) ?? "", "unknown here");
  }
  filters.hidden = false;
}

function fillSelect(name, choices, selected, note) {
  const isKnown = selected === undefined || choices.some(({ value }) => String(value) === selected);
  const all = isKnown ? choices : [...choices, { value: selected, label: `${selected} (${note})` }];
  const options = all.map(({ value, label }) => new Option(label || "(empty)", value, false, String(value) === selected));
  filters.elements[name].replaceChildren(...options);
}

filters.addEventListener("change", () => {
  const query = new URLSearchParams(new FormData(filters));
  const { months } = summaries.release;
  const defaults = { from: months[0], to: months.at(-1) };
  for (const [name, value] of [...query]) if (value === (defaults[name] ?? "")) query.delete(name);
  openView(query);
});

filters.addEventListener("reset", (event) => {
  event.preventDefault();
  openView(new URLSearchParams());
});

filters.addEventListener("submit", (event) => event.preventDefault());

function openView(query) {
  history.pushState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
  showView();
}

window.addEventListener("popstate", showView);

byId("share").addEventListener("click", async ({ target }) => {
  await navigator.clipboard.writeText(location.href);
  byId("status").textContent = "The link to this view was copied.";
  target.textContent = "Copied";
  setTimeout(() => (target.textContent = "Copy link"), 2000);
});

// --- totals and charts -----------------------------------------------------------------------------------------------

async function render() {
  const { release, visitors, disclosure, charts: { months } } = summaries;
  const published = months.filter((month) => month.visitors !== null);
  byId("release").textContent = `Data as of ${format(release.data_as_of, "time")} · release ${release.version.slice(0, 8)}`;
  if (!published.length) return showProblem({ detail: describeAbsence(release.months) });
  const missing = months.filter((month) => month.visitors === null).map(({ month }) => format(month, "month"));
  const notes = [];
  if (missing.length) notes.push(`Not published: ${missing.join(", ")}.`);
  if (!visitors) notes.push("No visitors match these months and filters; choose others, or show all.");
  showText(byId("message"), notes.join(" "));
  login.hidden = true;
  content.hidden = false;
  showText(byId("disclosure"), isExact() ? "" : describeRounding(disclosure));
  showTotals(visitors, published);
  await renderCharts();
  byId("status").textContent = `${format(visitors, "count")} visitors, ${formatRange(months[0].month, months.at(-1).month)}.`;
}

const isExact = () => summaries.disclosure.control === "exact";

function describeRounding({ min_base }) {
  return `Counts are rounded to the nearest 5; 0 to 2 become 0 and are left out. Shares of fewer than ${min_base} visitors are withheld.`;
}

function describeAbsence(months) {
  if (!months.length) return "The published release has no months yet; run 'i94 run'.";
  return `Nothing is published for these months; published are ${formatRange(months[0], months.at(-1))}.`;
}

function showTotals(visitors, published) {
  const last = published.at(-1);
  const [state, origin] = [summaries.charts.states[0], summaries.charts.origin[0]];
  const count = published.length === 1 ? "the month" : `${published.length} months`;
  const describeShare = (row) =>
    `${format(row.visitors, "count")} visitors` + (visitors < summaries.disclosure.min_base ? "" : `, ${format(row.visitors / visitors, "share")}`);
  const totals = [
    [formatRange(published[0].month, last.month), format(visitors, "count"), `visitors in ${count}`],
    [format(last.month, "month"), format(last.visitors, "count"), describeChange(last)],
  ];
  if (state) totals.push(["Most went to", state.state, describeShare(state), "text"]);
  if (origin) totals.push(["Most live in", origin.label, describeShare(origin), "text"]);
  const entries = totals.map(([title, figure, detail, className = ""]) =>
    createElement("div", {}, createElement("dt", {}, title), createElement("dd", { className }, figure), createElement("dd", {}, detail)),
  );
  byId("totals").replaceChildren(...entries);
}

function describeChange({ before, change }) {
  if (before === null) return "The month before is not published.";
  if (change === null) return before ? "The month before had too few visitors to compare." : "The month before had no visitors.";
  const arrow = change > 0 ? "▲" : change < 0 ? "▼" : "●";
  return `${arrow} ${format(change, "change")} on the month before (${format(before, "count")})`;
}

/** Renders every chart, unless another rendering starts meanwhile. */
async function renderCharts() {
  const rendering = (renderings += 1);
  for (const chart of CHARTS) {
    if (rendering !== renderings) return;
    await updateCard(chart);
  }
}

async function updateCard(chart) {
  const card = byId(chart.name);
  const [target, empty, note] = [".chart", ".empty", ".note"].map((part) => card.querySelector(part));
  const rows = summaries.charts[chart.name];
  const drawable = chart.requires ? rows.filter((row) => row[chart.requires] !== null) : rows;
  const isEmpty = chart.additive && !rows.some((row) => row.visitors);
  views.get(chart.name)?.finalize();
  views.delete(chart.name);
  showText(note, describeLimits(chart, rows, drawable));
  fillTable(card, chart, rows);
  for (const button of card.querySelectorAll("button")) button.disabled = isEmpty || !rows.length;
  target.hidden = isEmpty || !drawable.length;
  showText(empty, target.hidden ? "Nothing matches these months and filters." : "");
  if (target.hidden) return;
  try {
    views.set(chart.name, await renderChart(chart, drawable, target));
  } catch (error) {
    console.error(error);
    target.hidden = true;
    showText(empty, "The chart can't be drawn; its table is complete.");
    card.querySelector(".png").disabled = true;
  }
}

/** Says which filters do not apply to a chart, and how many visitors it can't draw. */
function describeLimits(chart, rows, drawable) {
  const query = filterQuery();
  const ignored = Object.keys(FILTERS).filter((name) => query.has(name) && !chart.filters.includes(name));
  const omitted = rows.filter((row) => !drawable.includes(row)).reduce((sum, row) => sum + (row.visitors ?? 0), 0);
  const notes = [];
  if (ignored.length && chart.monthly) notes.push(`Not filtered by ${ignored.map((name) => FILTERS[name].name).join(" and ")}: this mart has no such column.`);
  if (omitted) notes.push(`${format(omitted, "count")} visitors have no position; they are in the table.`);
  return notes.join(" ");
}

/** Fills the table of a chart when it is opened. */
function fillTable(card, chart, rows) {
  const details = card.querySelector("details");
  const fill = () => details.open && card.querySelector(".table").replaceChildren(createTable(chart.columns, rows, chart.title));
  details.ontoggle = fill;
  fill();
}

for (const chart of CHARTS) {
  const save = (extension, href) => {
    const { months } = summaries.charts;
    const range = [...new Set([months[0].month, months.at(-1).month])].join("-");
    const suffix = isExact() ? "" : `-${summaries.disclosure.control}`;
    createElement("a", { href, download: `i94-${chart.name}-${range}${suffix}.${extension}` }).click();
  };
  const [csv, png] = [".csv", ".png"].map((button) => byId(chart.name).querySelector(button));
  csv.addEventListener("click", () => {
    const file = new Blob([formatCsv(chart.columns, summaries.charts[chart.name])], { type: "text/csv" });
    const url = URL.createObjectURL(file);
    save("csv", url);
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  });
  png.addEventListener("click", async () => save("png", await views.get(chart.name).toImageURL("png", 2)));
}

// --- release and checks ----------------------------------------------------------------------------------------------

/** Shows the release and the results of its checks. */
async function showStatus() {
  try {
    const { release, tables, error } = await fetchJson("/api/v1/status");
    const counts = countStates(tables);
    byId("checks").replaceChildren(...describeRelease(release), ...describeChecks(tables, counts));
    byId("check-summary").replaceChildren("checks: ", ...counts.flatMap((count, index) => (index ? [", ", count] : [count])));
    showText(byId("release-error"), error && `The newest release is broken, so the one before is shown: ${error}`);
  } catch (problem) {
    byId("checks").replaceChildren(createElement("p", {}, `The results of the checks can't be shown. ${problem.detail ?? problem}`));
  }
}

function describeRelease({ data_as_of, published_at, version, months }) {
  const facts = {
    "Data as of": format(data_as_of, "time"),
    Published: format(published_at, "time"),
    Release: version,
    Months: months.length ? `${months.length}: ${formatRange(months[0], months.at(-1))}` : "none",
  };
  const entries = Object.entries(facts).flatMap(([name, value]) => [createElement("dt", {}, name), createElement("dd", {}, value)]);
  return [createElement("h3", {}, "Release"), createElement("dl", {}, ...entries)];
}

/** Counts the tables in each state, the worst first. */
function countStates(tables) {
  const states = Object.values(tables).map(({ checks }) => checks.state);
  return ["failed", "warned", "passed", "unchecked"]
    .map((state) => [state, states.filter((other) => other === state).length])
    .filter(([, count]) => count)
    .map(([state, count]) => createElement("span", { className: state }, `${count} ${count === 1 ? "table" : "tables"} ${state}`));
}

function describeChecks(tables, counts) {
  const failed = Object.entries(tables).flatMap(([table, { checks }]) =>
    checks.failed_checks.map(({ check, month, blocking, message }) => {
      const state = blocking ? "failed" : "warned";
      const place = [table, month, check].filter(Boolean).join(", ");
      return createElement("li", {}, createElement("strong", { className: state }, state), ` ${place}: ${message}`);
    }),
  );
  return [
    createElement("h3", {}, "Checks"),
    createElement("ul", {}, ...counts.map((count) => createElement("li", {}, count.cloneNode(true)))),
    ...(failed.length ? [createElement("ul", { className: "failed-checks" }, ...failed)] : []),
  ];
}

// --- start -----------------------------------------------------------------------------------------------------------

let width = window.innerWidth;
let resizing = 0;
const renderAgain = () => summaries && !content.hidden && renderCharts();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", renderAgain);
window.addEventListener("resize", () => {
  if (window.innerWidth === width) return; // on a phone, bars change the height alone
  width = window.innerWidth;
  clearTimeout(resizing);
  resizing = setTimeout(renderAgain, 150);
});

showView();
showStatus();
