// Overview: how many arrive, how that changes, and who and where makes the difference.

import { FILTERS } from "../config.js";
import { createElement } from "../dom.js";
import { computeChange, rankArrivals, sumTotals } from "../figures.js";
import { format, formatMonthName, formatPeriod } from "../formatting.js";
import { computeShare, release, sumArrivals } from "../queries.js";
import { apiFilters, CHOICES, choiceOf, comparisonPeriod, countMonths, listMonths, monthOf, shiftMonth } from "../state.js";

const SHOWN_MOVERS = 7; // in each direction
const SHOWN_YEARS = 6;
const YEAR_KINDS = ["newest year", "year before", "earlier years"];
const MONTH_COLUMNS = [
  { name: "month", title: "Month" },
  { name: "visitors", title: "Visitors", kind: "count" },
  { name: "month_before", title: "Month before", kind: "change" },
  { name: "year_before", title: "Year before", kind: "change" },
];

export async function load(view, { pick }) {
  const months = await sumMonths(view);
  return Promise.all([createTotals(view, months), createTrend(view, months), createYears(months), createMovers(view, pick)]);
}

/** Sums every published month. Months that are not published between them have null. */
async function sumMonths(view) {
  const sums = await sumArrivals({ filters: apiFilters(view), group: ["i94yr", "i94mon"] });
  const visitors = new Map(sums.map((row) => [monthOf(row), row.visitors]));
  const { months } = release();
  const countOf = (month) => (months.includes(month) ? (visitors.get(month) ?? 0) : null);
  const changeTo = (month, count) => (count === null || countOf(month) === null ? null : computeChange(count, countOf(month)).change);
  return listMonths({ first: months[0], last: months.at(-1) }).map((month) => ({
    month,
    visitors: countOf(month),
    in_period: month >= view.period.first && month <= view.period.last,
    month_before: changeTo(shiftMonth(month, -1), countOf(month)),
    year_before: changeTo(shiftMonth(month, -12), countOf(month)),
  }));
}

async function createTotals(view, months) {
  const columns = ["i94res", "i94addr", "i94port"].filter((column) => view.filters[column]?.length !== 1);
  const [{ total, before }, ...rankings] = await Promise.all([
    sumTotals(view, ["visitors", "stays", "stay_days"]),
    ...columns.map((column) => rankArrivals(view, column)),
  ]);
  const titles = { i94res: "Most live in", i94addr: "Most go to", i94port: "Most enter at" };
  const tiles = [
    { title: "Visitors", figure: format(total.visitors, "count"), detail: formatPeriod(view.period) },
    describeComparison(view, total, before, months),
    ...rankings.map(({ rows: [first] }, index) => first && describeLeader(titles[columns[index]], first)),
    describeStay(total),
  ].filter(Boolean);
  const entries = tiles.map(({ title, figure, detail }) =>
    createElement("div", {}, createElement("dt", {}, title), createElement("dd", {}, figure), createElement("dd", {}, detail)),
  );
  return {
    name: "totals", title: "Totals", wide: true, rows: tiles,
    columns: [{ name: "title", title: "Figure" }, { name: "figure", title: "Value" }, { name: "detail", title: "Detail" }],
    content: createElement("dl", { className: "totals" }, ...entries),
    empty: total.visitors ? "" : "No visitors match these months and filters; choose others, or remove a filter.",
  };
}

/** The change to the period that the view compares with; without one, that of its last month to the year or month before. */
function describeComparison(view, total, before, months) {
  const other = comparisonPeriod(view);
  if (!other) return describeLastMonth(months.find(({ month }) => month === view.period.last));
  const { change } = computeChange(total.visitors, before.visitors);
  const detail = `${formatPeriod(other)}: ${format(before.visitors, "count")}`;
  return { title: "Change", figure: change === null ? "–" : format(change, "change"), detail };
}

function describeLastMonth({ month, month_before: monthBefore, year_before: yearBefore }) {
  const change = yearBefore ?? monthBefore;
  if (change === null) return null;
  return { title: format(month, "month"), figure: format(change, "change"), detail: yearBefore === null ? "on the month before" : "on the year before" };
}

const describeLeader = (title, { name, visitors, share }) => ({
  title, figure: name, detail: `${format(visitors, "count")} visitors${share === null ? "" : `, ${format(share, "share")}`}`,
});

function describeStay({ stays, stay_days: days }) {
  const mean = computeShare(days, stays);
  return mean === null ? null : { title: "Mean stay", figure: `${format(mean, "decimal")} days`, detail: `${format(stays, "count")} known stays` };
}

function createTrend(view, months) {
  const shown = months.filter(({ visitors }) => visitors !== null);
  const most = shown.reduce((best, row) => (row.visitors > best.visitors ? row : best));
  const missing = months.filter(({ visitors }) => visitors === null).map(({ month }) => format(month, "month"));
  const isAlone = shown.length === 1;
  return {
    name: "trend", title: "Visitors by month", wide: true, chart: "trend",
    data: { rows: months }, params: { labelled: months.length <= 14 },
    columns: MONTH_COLUMNS, rows: months,
    empty: isAlone ? `Only ${format(shown[0].month, "month")} is published: ${format(shown[0].visitors, "count")} visitors. A trend needs more months.` : "",
    summary: isAlone ? "" : `Most in ${format(most.month, "month")}: ${format(most.visitors, "count")}.${missing.length ? ` Not published: ${missing.join(", ")}.` : ""}`,
    note: "All published months; those of the chosen period are blue.",
  };
}

/** Compares the months of the newest years. */
function createYears(months) {
  const years = [...new Set(months.map(({ month }) => month.slice(0, 4)))].slice(-SHOWN_YEARS);
  const newest = years.at(-1);
  const rows = months
    .filter(({ month, visitors }) => years.includes(month.slice(0, 4)) && visitors !== null)
    .map((row) => ({ ...row, year: row.month.slice(0, 4), number: Number(row.month.slice(5)), name: formatMonthName(row.month) }))
    .map((row) => ({ ...row, kind: YEAR_KINDS[Math.min(newest - row.year, 2)] }));
  const last = rows.at(-1);
  const hasPairs = rows.some(({ year_before: change }) => change !== null);
  return {
    name: "year_on_year", title: "Year on year", chart: "year_on_year", data: { rows },
    params: { kinds: YEAR_KINDS.filter((kind) => rows.some((row) => row.kind === kind)) }, columns: MONTH_COLUMNS, rows,
    empty: hasPairs ? "" : "No month is published for two years, so there is nothing to compare.",
    summary: last && last.year_before !== null ? `${format(last.month, "month")}: ${format(last.year_before, "change")} on the year before.` : "",
    note: "Each line is a year.",
  };
}

/** What rose and fell most: against the comparison, or within the period its last month against the one before. */
async function createMovers(view, pick) {
  const column = choiceOf(view, "movers");
  const { last } = view.period;
  const isSplit = !comparisonPeriod(view) && countMonths(view.period) > 1;
  const compared = isSplit ? { ...view, period: { first: last, last }, compare: "before" } : view;
  const other = comparisonPeriod(compared);
  const { rows } = other ? await rankArrivals(compared, column) : { rows: [] };
  const moved = rows.filter(({ difference }) => difference).sort((a, b) => b.difference - a.difference);
  const rises = moved.filter(({ difference }) => difference > 0).slice(0, SHOWN_MOVERS);
  const falls = moved.filter(({ difference }) => difference < 0).slice(-SHOWN_MOVERS);
  const describe = (row) => `${row.name} (${format(row.difference, "difference")})`;
  const sentences = [rises.length ? `Rose most: ${describe(rises[0])}.` : "", falls.length ? `Fell most: ${describe(falls.at(-1))}.` : ""];
  return {
    name: "movers", title: "Movers", chart: "movers", data: { rows: [...rises, ...falls] }, rows: moved,
    columns: [
      { name: "name", title: FILTERS[column].name }, { name: "code", title: "Code" },
      { name: "visitors", title: "Visitors", kind: "count" }, { name: "before", title: "Compared with", kind: "count" },
      { name: "difference", title: "Difference", kind: "difference" }, { name: "change", title: "Change", kind: "change" },
    ],
    choices: [{ name: "movers", label: "By", value: column, values: CHOICES.movers.map((key) => [key, FILTERS[key].name]) }],
    empty: other ? "" : "No earlier period is published to compare with.",
    summary: other ? `${formatPeriod(compared.period)} against ${formatPeriod(other)}. ${sentences.join(" ")}` : "",
    onPick: pick(column),
  };
}
