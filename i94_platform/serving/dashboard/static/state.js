// The URL is the whole state: page, period, comparison, filters in the order of the drill, and choices of the charts.
//
// A wrong link still opens: what nobody knows of it is left out, and the page says so.

import { FILTERS, PAGES } from "./config.js";
import { formatPeriod } from "./formatting.js";
import { countries, isKnown } from "./names.js";
import { release } from "./queries.js";

/** The choices of charts, each with its values; the first is the default, and any text is allowed without values. */
export const CHOICES = {
  by: ["i94res", "i94cit"],
  measure: ["count", "share", "per_1000"],
  movers: ["i94res", "i94cit", "i94addr", "airline", "i94port"],
  stays: ["i94res", "i94cit", "i94visa", "visatype", "i94addr", "age_band"],
  trend: null,
  pair: null,
};

const MAX_DEFAULT_MONTHS = 12;

/** Reads a URL. Returns the view, and what of the URL was left out, in words. */
export function parseView({ pathname, search }) {
  const query = new URLSearchParams(search);
  const problems = [];
  const name = pathname.slice(1) || PAGES[0].name;
  const view = { page: PAGES.some((page) => page.name === name) ? name : PAGES[0].name, filters: {}, choices: {} };
  if (view.page !== name) problems.push("There is no such page.");
  view.period = parsePeriod(query, problems);
  view.compare = parseCompare(query.get("compare") ?? "", view.period, problems);
  for (const [key, text] of query) {
    if (["from", "to", "compare"].includes(key)) continue;
    const values = text.split(",").filter(Boolean);
    if (key in FILTERS) addFilter(view.filters, key, values, problems);
    else if (!(key in CHOICES)) problems.push(`${key} is not a filter.`);
    else if (CHOICES[key] && !CHOICES[key].includes(text)) problems.push(`${key} is one of ${CHOICES[key].join(", ")}.`);
    else view.choices[key] = text;
  }
  return { view, problems };
}

function addFilter(filters, column, values, problems) {
  const codes = new Set(filters[column] ?? []);
  for (const value of values) {
    const code = [value, value.toUpperCase()].find((text) => isKnown(column, text)); // people type "tx"
    if (code) codes.add(code);
    else problems.push(`${FILTERS[column].name} ${value} is unknown.`);
  }
  if (codes.size) filters[column] = [...codes];
}

function parsePeriod(query, problems) {
  const { months } = release();
  const standard = defaultPeriod();
  const [from, to] = ["from", "to"].map((name) => readMonth(query, name, problems));
  const period = { first: from ?? standard.first, last: to ?? standard.last };
  if (to && !from && period.first > period.last) period.first = months[0];
  if (period.first > period.last) [period.first, period.last] = [period.last, period.first];
  const published = months.filter((month) => month >= period.first && month <= period.last);
  if (!published.length) {
    problems.push(`Nothing is published for these months; published are ${formatPeriod({ first: months[0], last: months.at(-1) })}.`);
    return standard;
  }
  if (published[0] === period.first && published.at(-1) === period.last) return period;
  problems.push(`Of these months, only ${formatPeriod({ first: published[0], last: published.at(-1) })} can be shown; About the data lists those that are missing.`);
  return { first: published[0], last: published.at(-1) };
}

function readMonth(query, name, problems) {
  const text = query.get(name);
  if (text === null || /^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text;
  problems.push(`${name} is a month such as ${release().months[0]}.`);
  return null;
}

function defaultPeriod() {
  const { months } = release();
  return { first: months.at(-Math.min(MAX_DEFAULT_MONTHS, months.length)), last: months.at(-1) };
}

function parseCompare(text, period, problems) {
  if (["", "none", "before"].includes(text) || startingMonths(period).includes(text)) return text;
  problems.push(`compare is none, before, or the first month of a published period, such as ${release().months[0]}.`);
  return "";
}

/** The month of a row of arrivals, such as "2016-04". */
export const monthOf = ({ i94yr, i94mon }) => `${i94yr}-${String(i94mon).padStart(2, "0")}`;

/** Shifts a month by a number of months. */
export function shiftMonth(month, count) {
  const [year, number] = month.split("-").map(Number);
  const index = year * 12 + number - 1 + count;
  return monthOf({ i94yr: Math.floor(index / 12), i94mon: (index % 12) + 1 });
}

/** The number of months of a period. */
export function countMonths({ first, last }) {
  const [[year, month], [endYear, endMonth]] = [first, last].map((text) => text.split("-").map(Number));
  return (endYear - year) * 12 + endMonth - month + 1;
}

/** The months of a period, published or not. */
export const listMonths = (period) => Array.from({ length: countMonths(period) }, (_, index) => shiftMonth(period.first, index));

const isPublished = (period) => listMonths(period).every((month) => release().months.includes(month));

const startingAt = (first, period) => ({ first, last: shiftMonth(first, countMonths(period) - 1) });

/** The months that a period of the same length could start with, to compare with. */
export const startingMonths = (period) =>
  release().months.filter((month) => month !== period.first && isPublished(startingAt(month, period)));

/** The period that a view compares with; null for none. A year before unless chosen, else just before. */
export function comparisonPeriod({ period, compare }) {
  if (compare === "none") return null;
  if (compare && compare !== "before") return startingAt(compare, period);
  const shifts = compare === "before" ? [-countMonths(period)] : [-12, -countMonths(period)];
  const candidates = shifts.filter((shift) => -shift >= countMonths(period)).map((shift) => startingAt(shiftMonth(period.first, shift), period));
  return candidates.find(isPublished) ?? null;
}

/** Returns the URL of a view. */
export function urlOf({ page, period, compare, filters, choices }) {
  const query = new URLSearchParams();
  const standard = defaultPeriod();
  if (period.first !== standard.first) query.set("from", period.first);
  if (period.last !== standard.last) query.set("to", period.last);
  if (compare) query.set("compare", compare);
  for (const [column, values] of Object.entries(filters)) if (values.length) query.set(column, values.join(","));
  for (const [name, value] of Object.entries(choices)) if (value && value !== CHOICES[name]?.[0]) query.set(name, value);
  const text = query.toString().replaceAll("%2C", ",");
  return `/${page === PAGES[0].name ? "" : page}${text ? `?${text}` : ""}`;
}

/** The value of a choice, or its default. */
export const choiceOf = (view, name) => view.choices[name] ?? CHOICES[name]?.[0] ?? "";

/** A view with one more value of a filter. */
export const withFilter = (view, column, code) => {
  const others = { ...view.filters };
  const values = others[column] ?? [];
  delete others[column]; // so that it becomes the last of the drill
  return { ...view, filters: { ...others, [column]: [...new Set([...values, String(code)])] } };
};

/** A view without a filter, or without one of its values. */
export const withoutFilter = (view, column, code) => {
  const values = (view.filters[column] ?? []).filter((value) => value !== code);
  const { [column]: _, ...others } = view.filters;
  return { ...view, filters: values.length ? { ...view.filters, [column]: values } : others };
};

/** A view with another choice. */
export const withChoice = (view, name, value) => ({ ...view, choices: { ...view.choices, [name]: value } });

/** The filters of a view as the API knows them: a region is its countries of residence. */
export function apiFilters({ filters }) {
  const { region, ...others } = filters;
  if (!region) return others;
  const inRegion = countries().filter((country) => region.includes(country.region)).map(({ code }) => String(code));
  const codes = (others.i94res ?? inRegion).filter((code) => inRegion.includes(code));
  if (codes.length) return { ...others, i94res: codes };
  return { ...others, i94res__ne: others.i94res }; // a country and a region that exclude each other: no arrivals
}

/** Describes the period and the comparison of a view. */
export function describePeriod(view) {
  const other = comparisonPeriod(view);
  return formatPeriod(view.period) + (other ? `, compared with ${formatPeriod(other)}` : "");
}

