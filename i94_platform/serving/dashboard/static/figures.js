// Figures that several pages show: rankings with shares and changes, totals, and sentences about them.

import { format, joinTexts } from "./formatting.js";
import { nameOf } from "./names.js";
import { computeShare, sumArrivals } from "./queries.js";
import { apiFilters, comparisonPeriod } from "./state.js";

/** The columns of a table of a ranking. */
export function rankingColumns(view, title) {
  const columns = [
    { name: "name", title },
    { name: "code", title: "Code" },
    { name: "visitors", title: "Visitors", kind: "count" },
    { name: "share", title: "Share", kind: "share" },
  ];
  if (!comparisonPeriod(view)) return columns;
  return [...columns, { name: "before", title: "Compared with", kind: "count" }, { name: "change", title: "Change", kind: "change" }];
}

const zerosOf = (measures) => Object.fromEntries(measures.map((measure) => [measure, 0]));

/** Sums all arrivals of a view. Returns measures, and those of the period that it compares with, or null. */
export async function sumTotals(view, measures = ["visitors"]) {
  const filters = apiFilters(view);
  const other = comparisonPeriod(view);
  const [totals, before] = await Promise.all([
    sumArrivals({ filters, period: view.period, measures }),
    other ? sumArrivals({ filters, period: other, measures }) : [null],
  ]);
  return { total: totals[0] ?? zerosOf(measures), before: other ? (before[0] ?? zerosOf(measures)) : null };
}

/**
 * Ranks the values of a column. Returns the rows, most visitors first, and the total.
 *
 * A row has `code`, `name`, `visitors`, `share`, and, if the view compares, `before` and `change`.
 */
export async function rankArrivals(view, column, measures = ["visitors"]) {
  const filters = apiFilters(view);
  const other = comparisonPeriod(view);
  const [rows, earlier, [all]] = await Promise.all([
    sumArrivals({ filters, period: view.period, group: [column], measures }),
    other ? sumArrivals({ filters, period: other, group: [column] }) : [],
    sumArrivals({ filters, period: view.period }),
  ]);
  const total = all?.visitors ?? 0;
  const before = new Map(earlier.map((row) => [row[column], row.visitors]));
  const gone = earlier.filter((row) => !rows.some((now) => now[column] === row[column]));
  const ranked = [...rows, ...gone.map((row) => ({ ...row, ...zerosOf(measures) }))];
  return { rows: ranked.map((row) => describeRow(row, column, total, other && (before.get(row[column]) ?? 0))), total };
}

function describeRow(row, column, total, before) {
  const figures = { ...row, code: row[column], name: nameOf(column, row[column]), share: computeShare(row.visitors, total) };
  const count = format(row.visitors, "count");
  if (before === null) return { ...figures, label: count };
  const change = computeChange(row.visitors, before);
  return { ...figures, before, ...change, label: change.change === null ? count : `${count} (${format(change.change, "change")})` };
}

/** The difference of two counts, and its share of the earlier one; null where that is too small. */
export function computeChange(now, before) {
  return { difference: now - before, change: computeShare(now - before, before) };
}

/** Says what a ranking shows, and how many visitors it leaves to the table. */
export function describeRanking({ rows, total }, shown, plural) {
  const present = rows.filter((row) => row.visitors);
  if (!present.length) return "";
  const [first] = present;
  const describe = (row) => `${row.name} (${format(row.visitors, "count")}${row.share === null ? "" : `, ${format(row.share, "share")}`})`;
  const sentences = [`Most: ${joinTexts([first, ...present.slice(1, 3)].map(describe))}.`];
  const others = present.slice(shown);
  if (others.length) {
    const rest = others.reduce((sum, row) => sum + row.visitors, 0);
    const share = computeShare(rest, total);
    sentences.push(`${format(others.length, "count")} other ${plural} have ${format(rest, "count")}${share === null ? "" : ` (${format(share, "share")})`}; the table has them all.`);
  }
  return sentences.join(" ");
}
