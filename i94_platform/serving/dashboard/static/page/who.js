// Who: nationality or residence, the trend of a selection, age and gender, visa.

import { CONFIG, FILTERS } from "../config.js";
import { createElement } from "../dom.js";
import { describeRanking, rankArrivals, rankingColumns } from "../figures.js";
import { format, joinTexts } from "../formatting.js";
import { listNames, nameOf } from "../names.js";
import { computeShare, release, sumArrivals } from "../queries.js";
import { apiFilters, choiceOf, listMonths, monthOf, withChoice } from "../state.js";

const SHOWN_COUNTRIES = 15;
const SHOWN_LINES = 5;
const SHOWN_STATES = 15;
const SHOWN_CLASSES = 12;
const KNOWN_GENDERS = ["F", "M"];
const BY = { i94res: "country of residence", i94cit: "nationality" };
const PLURAL = { i94res: "countries", i94cit: "nationalities" };

export async function load(view, { pick, open }) {
  const column = choiceOf(view, "by");
  const ranking = await rankArrivals(view, column);
  return Promise.all([
    createRanking(view, column, ranking, pick),
    createTrend(view, column, ranking, open),
    createAges(view),
    createClasses(view, pick),
    createStates(view, pick),
  ]);
}

function createRanking(view, column, ranking, pick) {
  return {
    name: "countries", title: `Visitors by ${BY[column]}`, chart: "ranking", rows: ranking.rows,
    data: { rows: ranking.rows.filter(({ visitors }) => visitors).slice(0, SHOWN_COUNTRIES) }, columns: rankingColumns(view, FILTERS[column].name),
    choices: [{ name: "by", label: "Count by", value: column, values: [["i94res", "Residence"], ["i94cit", "Nationality"]] }],
    summary: describeRanking(ranking, SHOWN_COUNTRIES, PLURAL[column]),
    hint: "Click a bar, or a name in the table, to see that country alone.",
    onPick: pick(column),
  };
}

/** The months of the countries that the user has chosen, or of the largest. */
async function createTrend(view, column, { rows }, open) {
  const chosen = choiceOf(view, "trend").split(",").filter(Boolean);
  const codes = chosen.length ? chosen : rows.slice(0, SHOWN_LINES).map(({ code }) => String(code));
  const filters = { ...apiFilters(view), [column]: codes };
  const sums = codes.length ? await sumArrivals({ filters, group: [column, "i94yr", "i94mon"] }) : [];
  const { months } = release();
  const visitors = new Map(sums.map((row) => [`${row[column]} ${monthOf(row)}`, row.visitors]));
  const lines = codes.flatMap((code) =>
    listMonths({ first: months[0], last: months.at(-1) }).map((month) => ({
      month, code, name: nameOf(column, code),
      visitors: months.includes(month) ? (visitors.get(`${code} ${month}`) ?? 0) : null,
    })),
  );
  const last = months.at(-1);
  return {
    name: "trend", title: `Trend by ${BY[column]}`, chart: "lines", data: { rows: lines }, rows: lines,
    params: { names: codes.map((code) => nameOf(column, code)) },
    columns: [{ name: "month", title: "Month" }, { name: "name", title: FILTERS[column].name }, { name: "code", title: "Code" }, { name: "visitors", title: "Visitors", kind: "count" }],
    content: createSelection(view, column, chosen, open),
    empty: months.length > 1 ? "" : `Only ${format(last, "month")} is published; a trend needs more months.`,
    summary: lines.length && months.length > 1 ? `${format(last, "month")}: ${lines.filter(({ month }) => month === last).map((row) => `${row.name} ${format(row.visitors, "count")}`).join(", ")}.` : "",
    note: `${chosen.length ? "Your selection" : `The ${codes.length} largest`}, over all published months.`,
  };
}

/** The search box that adds a country to the trend, and the countries that it has. */
function createSelection(view, column, chosen, open) {
  const choose = (codes) => open(withChoice(view, "trend", codes.join(",")));
  const input = createElement("input", { id: "trend-search", placeholder: "Search a country", autocomplete: "off" });
  input.setAttribute("list", "list-country");
  input.addEventListener("change", () => {
    const match = listNames(column).find(({ name }) => name.toLowerCase() === input.value.trim().toLowerCase());
    input.setCustomValidity(match ? "" : `No country is called ${input.value}.`);
    if (match) choose([...new Set([...chosen, match.code])]);
    else input.reportValidity();
  });
  const chips = chosen.map((code) =>
    createElement("button", { type: "button", className: "chip", onclick: () => choose(chosen.filter((other) => other !== code)), "aria-label": `Remove ${nameOf(column, code)} from the trend` }, `${nameOf(column, code)} ×`),
  );
  return createElement("div", { className: "selection" }, createElement("label", {}, "Add to the trend ", input), ...chips);
}

/** Age and gender as shares of the visitors whose age and gender, female or male, are known. */
async function createAges(view) {
  const sums = await sumArrivals({ filters: apiFilters(view), period: view.period, group: ["age_band", "gender"] });
  const bands = Object.keys(CONFIG.values.age_band);
  const known = sums.filter(({ gender, age_band: band }) => KNOWN_GENDERS.includes(gender) && band !== "unknown");
  const base = known.reduce((sum, { visitors }) => sum + visitors, 0);
  const all = sums.reduce((sum, { visitors }) => sum + visitors, 0);
  const rows = sums
    .map((row) => ({ ...row, name: row.age_band, gender_name: nameOf("gender", row.gender), share: known.includes(row) ? computeShare(row.visitors, base) : null }))
    .sort((a, b) => bands.indexOf(a.age_band) - bands.indexOf(b.age_band) || a.gender.localeCompare(b.gender));
  const drawn = rows.filter(({ share }) => share !== null).map((row) => ({ ...row, signed: row.gender === "F" ? -row.share : row.share }));
  const largest = drawn.reduce((best, row) => (row.share > (best?.share ?? 0) ? row : best), null);
  const women = computeShare(known.filter(({ gender }) => gender === "F").reduce((sum, { visitors }) => sum + visitors, 0), base);
  return {
    name: "ages", title: "Age and gender", chart: "age_gender", data: { rows: drawn }, rows,
    columns: [{ name: "age_band", title: "Age" }, { name: "gender_name", title: "Gender" }, { name: "visitors", title: "Visitors", kind: "count" }, { name: "share", title: "Share", kind: "share" }],
    summary: women === null ? "" : `Women are ${format(women, "share")}. The largest group: ${largest.gender_name}, ${largest.age_band} years (${format(largest.share, "share")}).`,
    note: `Shares of the ${format(base, "count")} visitors with known age and gender, female or male; the other ${format(all - base, "count")} are in the table.`,
    empty: drawn.length ? "" : "Too few visitors match to show shares.",
  };
}

/** The ages of the visitors of the largest states, side by side. */
async function createStates(view, pick) {
  const sums = await sumArrivals({ filters: apiFilters(view), period: view.period, group: ["i94addr", "age_band"] });
  const known = sums.filter(({ age_band: band }) => band !== "unknown");
  const totals = new Map();
  for (const { i94addr: code, visitors } of known) totals.set(code, (totals.get(code) ?? 0) + visitors);
  const bands = Object.keys(CONFIG.values.age_band);
  const rows = known
    .map((row) => ({ ...row, code: row.i94addr, name: nameOf("i94addr", row.i94addr), order: bands.indexOf(row.age_band), total: totals.get(row.i94addr), share: computeShare(row.visitors, totals.get(row.i94addr)) }))
    .sort((a, b) => b.total - a.total || a.order - b.order);
  const shown = [...totals].sort((a, b) => b[1] - a[1]).slice(0, SHOWN_STATES).map(([code]) => code);
  const oldest = rows.filter((row) => shown.includes(row.code) && row.age_band === "65+" && row.share !== null).sort((a, b) => b.share - a.share)[0];
  return {
    name: "age_by_state", wide: true, title: "Age by state of the first address", chart: "age_by_state", rows,
    data: { rows: rows.filter(({ code, share }) => shown.includes(code) && share !== null) }, params: { bands: bands.filter((band) => band !== "unknown") },
    columns: [{ name: "name", title: "State" }, { name: "code", title: "Code" }, { name: "age_band", title: "Age" }, { name: "visitors", title: "Visitors", kind: "count" }, { name: "share", title: "Share of the state", kind: "share" }],
    summary: oldest ? `Visitors of 65 and more${shown.length > 1 ? `, the largest share of the ${shown.length} largest` : ""}: ${oldest.name} (${format(oldest.share, "share")}).` : "",
    note: "Each bar is all visitors of a state with a known age.",
    onPick: pick("i94addr"),
  };
}

/** Visa classes, by the purpose that each stands for. */
async function createClasses(view, pick) {
  const sums = await sumArrivals({ filters: apiFilters(view), period: view.period, group: ["i94visa", "visatype"] });
  const total = sums.reduce((sum, { visitors }) => sum + visitors, 0);
  const rows = sums.map((row) => ({
    ...row, code: row.visatype, name: nameOf("visatype", row.visatype), purpose: nameOf("i94visa", row.i94visa), share: computeShare(row.visitors, total),
  }));
  const purposes = [...new Set([...rows].sort((a, b) => a.i94visa - b.i94visa).map(({ purpose }) => purpose))];
  const shares = purposes.map((purpose) => {
    const visitors = rows.filter((row) => row.purpose === purpose).reduce((sum, row) => sum + row.visitors, 0);
    const share = computeShare(visitors, total);
    return `${purpose} ${format(visitors, "count")}${share === null ? "" : ` (${format(share, "share")})`}`;
  });
  return {
    name: "classes", title: "Purpose and visa class", chart: "visa_classes", data: { rows: rows.slice(0, SHOWN_CLASSES) }, rows, params: { purposes },
    columns: [{ name: "name", title: "Visa class" }, { name: "purpose", title: "Purpose" }, { name: "visitors", title: "Visitors", kind: "count" }, { name: "share", title: "Share", kind: "share" }],
    summary: rows.length ? `${joinTexts(shares)}.` : "",
    note: "B1 and WB: business; B2 and WT: pleasure (W: visa waiver); F and M: study.",
    onPick: pick("visatype"),
  };
}
