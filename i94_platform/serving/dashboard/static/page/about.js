// About: the release and its checks, what to know of the data, comparability, words, downloads.

import { CONFIG } from "../config.js";
import { createElement } from "../dom.js";
import { format, formatPeriod, joinTexts } from "../formatting.js";
import { fetchDoubtfulStates, fetchJson, release } from "../queries.js";
import { listMonths, shiftMonth } from "../state.js";

export async function load(view, { pick }) {
  return [
    await createRelease(),
    await createDoubts(view, pick),
    createText("quality", "What to know of the data", CONFIG.quality),
    createText("comparability", "Comparability with NTTO's figures", CONFIG.comparability),
    createGlossary(),
    createDownloads(),
  ];
}

const card = (name, title, content, wide = false) => ({ name, title, wide, rows: [{}], content });

async function createRelease() {
  try {
    const status = await fetchJson("/api/v1/status");
    return card("release-facts", "Release and checks", createElement("div", {}, ...describeRelease(status.release), ...describeChecks(status)), true);
  } catch (problem) {
    return card("release-facts", "Release and checks", createElement("p", {}, `The results of the checks can't be shown. ${problem.detail ?? problem}`));
  }
}

function describeRelease({ data_as_of: time, published_at: published, version }) {
  const { months } = release();
  const years = months.length ? listMonths({ first: `${months[0].slice(0, 4)}-01`, last: `${months.at(-1).slice(0, 4)}-12` }) : [];
  const missing = years.filter((month) => !months.includes(month));
  const facts = {
    "Data as of": format(time, "time"), Published: format(published, "time"), Release: version,
    Months: `${months.length}: ${describeMonths(months)}`, "Not published": missing.length ? describeMonths(missing) : "none of these years",
  };
  const entries = Object.entries(facts).flatMap(([name, value]) => [createElement("dt", {}, name), createElement("dd", {}, value)]);
  return [createElement("dl", { className: "facts" }, ...entries)];
}

/** Names months in order, those that follow each other as one period. */
function describeMonths(months) {
  const periods = [];
  for (const month of months) {
    if (periods.length && shiftMonth(periods.at(-1).last, 1) === month) periods.at(-1).last = month;
    else periods.push({ first: month, last: month });
  }
  return joinTexts(periods.map(formatPeriod));
}

function describeChecks({ tables, error }) {
  const states = Object.values(tables).map(({ checks }) => checks.state);
  const counts = ["failed", "warned", "passed", "unchecked"]
    .map((state) => [state, states.filter((other) => other === state).length])
    .filter(([, count]) => count)
    .map(([state, count]) => createElement("li", { className: state }, `${count} ${count === 1 ? "table" : "tables"} ${state}`));
  const failed = Object.entries(tables).flatMap(([table, { checks }]) =>
    checks.failed_checks.map(({ check, month, blocking, message }) => {
      const place = [table, month, check].filter(Boolean).join(", ");
      return createElement("li", {}, createElement("strong", { className: blocking ? "failed" : "warned" }, blocking ? "failed" : "warned"), ` ${place}: ${message}`);
    }),
  );
  return [
    error ? createElement("p", { className: "failed" }, `The newest release is broken, so the one before is shown: ${error}`) : null,
    createElement("h3", {}, "Checks"), createElement("ul", {}, ...counts),
    failed.length ? createElement("ul", { className: "failed-checks" }, ...failed) : null,
  ].filter(Boolean);
}

/** The states whose codes visitors write for other places, as the ports of entry tell. */
async function createDoubts(view, pick) {
  const month = view.period.last;
  const rows = (await fetchDoubtfulStates(month)).map((row) => ({ ...row, code: row.i94addr }));
  return {
    name: "doubts", title: "State codes that may mean another place", wide: true, rows,
    columns: [
      { name: "state", title: "State" }, { name: "code", title: "Code" }, { name: "port", title: "Port of entry" },
      { name: "visitors", title: "Visitors", kind: "count" }, { name: "usual_visitors", title: "Usual", kind: "count" },
      { name: "possible_meaning", title: "May mean" },
    ],
    summary: rows.length ? `${rows[0].state}: ${format(rows[0].visitors, "count")} visitors of ${format(month, "month")} enter at ${rows[0].port}, where ${format(rows[0].usual_visitors, "count")} would be usual.` : "",
    note: "Usual is what the state would have at the largest share of its neighbours. The codes are kept as delivered.",
    empty: rows.length ? "" : `No state of ${format(month, "month")} stands out.`,
    onPick: pick("i94addr"),
    isOpen: true,
  };
}

const createText = (name, title, paragraphs) => card(name, title, createElement("ul", {}, ...paragraphs.map((text) => createElement("li", {}, text))));

function createGlossary() {
  const entries = Object.entries(CONFIG.glossary).flatMap(([term, meaning]) => [createElement("dt", {}, term), createElement("dd", {}, meaning)]);
  return card("glossary", "Words", createElement("dl", { className: "facts" }, ...entries));
}

function createDownloads() {
  const links = CONFIG.downloads.map(({ url, name, description }) =>
    createElement("li", {}, createElement("a", { href: url }, name), `: ${description}`),
  );
  const api = createElement("p", {}, "Each published table as CSV with all rows, those with months in an archive. The ", createElement("a", { href: "/docs" }, "API"), " has more formats and filters, and ", createElement("a", { href: "/api/v1/download/latest.zip" }, "all of them in one archive"), ".");
  return card("downloads", "Download", createElement("div", {}, api, createElement("ul", { className: "downloads" }, ...links)));
}
