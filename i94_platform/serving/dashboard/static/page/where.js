// Where: states and countries on maps, the way from a state to countries, airlines and ports, and who prefers which state.

import { FILTERS } from "../config.js";
import { describeRanking, rankArrivals, rankingColumns } from "../figures.js";
import { format, joinTexts } from "../formatting.js";
import { countries, nameOf, states } from "../names.js";
import { computeShare, fetchDoubtfulStates, sumArrivals } from "../queries.js";
import { loadAtlas, readColor } from "../rendering.js";
import { apiFilters, choiceOf } from "../state.js";
import { fipsOf, TERRITORIES } from "../us_states.js";

const MEASURES = {
  count: { title: "Visitors", field: "visitors", kind: "count", rough: "rough", legend: "visitors, in steps" },
  share: { title: "Share", field: "share", kind: "share", rough: "rough_share", legend: "share of all visitors, in steps" },
  per_1000: { title: "Per 1,000 inhabitants", field: "per_1000", kind: "rate", rough: "rough", legend: "visitors per 1,000 inhabitants, in steps" },
};
const DRILL = ["i94addr", "i94res", "airline", "i94port"];
const PLURAL = { i94addr: "states", i94res: "countries", airline: "carriers", i94port: "ports" };
const SHOWN = 15;
const SHOWN_PAIRS = 12;
const SHOWN_DOUBTS = 3;
const STEPS = [0.2, 0.4, 0.6, 0.8];
const SIZES = [0.04, 0.25, 1]; // circles of the legend, as shares of the largest

export async function load(view, { pick }) {
  const [states, origins] = await Promise.all([rankArrivals(view, "i94addr"), rankArrivals(view, choiceOf(view, "by"))]);
  const cards = await Promise.all([createStates(view, states, pick), createDrill(view, pick), createWorld(view, origins, pick), createAffinity(view, pick)]);
  return cards.flat();
}

async function createStates(view, ranking, pick) {
  const doubts = await fetchDoubtfulStates(view.period.last);
  const measure = choiceOf(view, "measure");
  const { field, legend, kind, rough } = MEASURES[measure];
  const inhabitantsOf = new Map(states().map((state) => [state.code, state.inhabitants]));
  const rows = ranking.rows.map((row) => {
    const inhabitants = inhabitantsOf.get(row.code) ?? null;
    return { ...row, fips: fipsOf(row.code), inhabitants, per_1000: inhabitants ? (1000 * row.visitors) / inhabitants : null };
  });
  const drawn = rows.filter((row) => row.fips && row.visitors && row[field] !== null);
  const steps = drawn.length > 1 ? chooseSteps(drawn.map((row) => row[field])) : [];
  const names = steps.length ? nameSteps(steps, rough) : drawn.map((row) => format(row[field], kind));
  const addStep = (row) => ({ ...row, step: row[field] > 0 ? names[steps.filter((step) => row[field] >= step).length] : null });
  const elsewhere = rows.filter((row) => !row.fips).reduce((sum, row) => sum + row.visitors, 0);
  const leaders = [...drawn].sort((a, b) => b[field] - a[field]).slice(0, 3).map((row) => `${row.name} (${format(row[field], kind)})`);
  return {
    name: "states", title: "States of the first address", wide: true, chart: "states_map", rows,
    data: { rows: drawn.map(addStep), territories: placeTerritories(rows).map(addStep), atlas: await loadAtlas("us-atlas/states-10m") },
    params: { steps: names, colors: pickColors(names.length), legend },
    columns: [
      ...rankingColumns(view, "State"),
      { name: "inhabitants", title: "Inhabitants 2010", kind: "count" }, { name: "per_1000", title: "Per 1,000 inhabitants", kind: "rate" },
    ],
    choices: [{ name: "measure", label: "Show", value: measure, values: Object.entries(MEASURES).map(([key, { title: text }]) => [key, text]) }],
    summary: leaders.length ? `Most: ${joinTexts(leaders)}.` : "",
    note: [
      "The colours are steps, not an even scale.",
      elsewhere ? `${format(elsewhere, "count")} visitors gave no state of the list.` : "",
      describeDoubts(doubts.filter(({ i94addr }) => rows.some(({ code }) => code === i94addr))),
      "Inhabitants are those of the census of 2010.",
    ].filter(Boolean).join(" "),
    hint: "Click a state to go on to its countries.",
    onPick: pick("i94addr"),
  };
}

/** Names the states whose codes mean other places most often. */
function describeDoubts(doubts) {
  const meanings = new Map();
  for (const { state, possible_meaning: meaning } of doubts) meanings.set(state, [...(meanings.get(state) ?? []), meaning]);
  const shown = [...meanings].slice(0, SHOWN_DOUBTS).map(([state, others]) => `${state} (${joinTexts(others)})`);
  return shown.length ? `Some codes very probably stand for something else, too: ${joinTexts(shown)}; see About the data.` : "";
}

/** Bounds of 1, 2 or 5 times a power of ten that divide the values into about equal groups. */
function chooseSteps(values) {
  const sorted = values.filter((value) => value > 0).sort((a, b) => a - b);
  const steps = STEPS.map((share) => roundToStep(sorted[Math.floor(share * sorted.length)] ?? 1));
  return [...new Set(steps)].sort((a, b) => a - b);
}

function roundToStep(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].reduce((best, step) => (Math.abs(step - value / power) < Math.abs(best - value / power) ? step : best));
  return Number((factor * power).toPrecision(1));
}

const nameSteps = (steps, kind) => [
  `under ${format(steps[0], kind)}`,
  ...steps.slice(1).map((step, index) => `${format(steps[index], kind)} to ${format(step, kind)}`),
  `${format(steps.at(-1), kind)} and more`,
];

/** Colours of the style sheet for some steps, from the one for least to the one for most. */
function pickColors(count) {
  const colors = [0, 1, 2, 3, 4].map((index) => readColor(`step-${index}`));
  return Array.from({ length: count }, (_, index) => colors[count === 1 ? 2 : Math.round((index * 4) / (count - 1))]);
}

const placeTerritories = (rows) =>
  TERRITORIES.map((code, index) => ({ code, name: nameOf("i94addr", code), ...rows.find((row) => row.code === code), place: 0.42 - 0.085 * index }));

/** Ranks the next two levels of the drill: states, then countries, airlines and ports. */
async function createDrill(view, pick) {
  const open = DRILL.filter((level) => !view.filters[level]);
  const way = DRILL.filter((level) => view.filters[level]).map((level) => view.filters[level].map((code) => nameOf(level, code)).join(", "));
  return Promise.all((open.length ? open : DRILL.slice(-1)).slice(0, 2).map(async (column, index) => {
    const ranking = await rankArrivals(view, column);
    return {
      name: `drill-${index + 1}`, title: [...way, `by ${FILTERS[column].level}`].join(" › ").replace(/^by /, "By "), chart: "ranking",
      data: { rows: ranking.rows.filter(({ visitors }) => visitors).slice(0, SHOWN) }, rows: ranking.rows, columns: rankingColumns(view, FILTERS[column].name),
      summary: describeRanking(ranking, SHOWN, PLURAL[column]),
      hint: "Click a bar, or a name in the table, to go one level deeper; the path at the top leads back.",
      onPick: pick(column),
    };
  }));
}

async function createWorld(view, { rows, total }, pick) {
  const column = choiceOf(view, "by");
  const byCode = new Map(countries().map((country) => [country.code, country]));
  const placed = rows.map((row) => {
    const { iso3 = null, latitude = null, longitude = null, region = null } = byCode.get(row.code) ?? {};
    return { ...row, iso3, latitude, longitude, region };
  });
  const drawn = placed.filter(({ latitude, visitors }) => latitude !== null && visitors);
  const missing = total - drawn.reduce((sum, { visitors }) => sum + visitors, 0);
  return {
    name: "world", title: `World: visitors by ${FILTERS[column].level}`, wide: true, chart: "world_map", rows: placed,
    params: { sizes: [...new Set(SIZES.map((share) => roundToStep(share * (drawn[0]?.visitors ?? 1))))] },
    data: { rows: drawn, atlas: await loadAtlas("world-atlas/countries-110m") },
    columns: [...rankingColumns(view, FILTERS[column].name), { name: "region", title: "Region" }],
    choices: [{ name: "by", label: "Count by", value: column, values: [["i94res", "Residence"], ["i94cit", "Nationality"]] }],
    summary: describeRanking({ rows, total }, rows.length, ""),
    note: `The area of a circle is the number of visitors.${missing > 0 ? ` ${format(missing, "count")} have no country with a place on the map; the table has them.` : ""}`,
    onPick: pick(column),
  };
}

/** How many more or fewer visitors a pair of state and country has than the totals of both would give. */
async function createAffinity(view, pick) {
  const { i94addr, i94res, region, ...others } = view.filters;
  const base = { ...view, filters: others, compare: "none" };
  const [states, origins] = await Promise.all(["i94addr", "i94res"].map((column) => rankArrivals(base, column)));
  const filters = apiFilters(view);
  const choose = (column, { rows }) => rows.filter(({ code }) => code !== "99" && (!filters[column] || filters[column].includes(String(code)))).slice(0, SHOWN_PAIRS);
  const [shownStates, shownOrigins] = [choose("i94addr", states), choose("i94res", origins)];
  const codesOf = (rows) => rows.map(({ code }) => String(code));
  const pairs = { ...filters, i94addr: codesOf(shownStates), i94res: codesOf(shownOrigins) };
  const sums = shownStates.length && shownOrigins.length ? await sumArrivals({ filters: pairs, period: view.period, group: ["i94addr", "i94res"] }) : [];
  const rows = shownStates.flatMap((state) => shownOrigins.map((origin, position) => {
    const visitors = sums.find((row) => row.i94addr === state.code && row.i94res === origin.code)?.visitors ?? 0;
    const expected = (state.visitors * origin.visitors) / states.total;
    return { name: state.name, code: state.code, origin: origin.name, position, visitors, expected: Math.round(expected), ratio: computeShare(visitors, expected) };
  }));
  const drawn = rows.filter(({ ratio }) => ratio !== null);
  const strongest = drawn.reduce((best, row) => (row.ratio > (best?.ratio ?? 0) ? row : best), null);
  return {
    name: "affinity", title: "Who goes where more than expected", wide: true, chart: "affinity", rows, data: { rows: drawn },
    columns: [
      { name: "name", title: "State" }, { name: "origin", title: "Country of residence" }, { name: "visitors", title: "Visitors", kind: "count" },
      { name: "expected", title: "Expected", kind: "count" }, { name: "ratio", title: "Ratio", kind: "ratio" },
    ],
    summary: strongest ? `Furthest above expectation: ${strongest.origin} in ${strongest.name}, ${format(strongest.ratio, "ratio")} the expected number.` : "",
    note: "Visitors divided by those that the totals of state and country would give: 1 is as expected. Blue is more, orange fewer, on a logarithmic scale.",
    empty: drawn.length ? "" : "Too few visitors match.",
    onPick: pick("i94addr"),
  };
}
