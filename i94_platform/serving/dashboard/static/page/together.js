// Together: which figures go together, in words, with their sensitivity, and as points.

import { createElement } from "../dom.js";
import { format, joinTexts } from "../formatting.js";
import { fetchTable } from "../queries.js";
import { choiceOf, withChoice } from "../state.js";
import { observeStates, observeCountries, STATE_VARIABLES, COUNTRY_VARIABLES } from "../variables.js";

const METHODS = { pearson: "Pearson's r", weighted_pearson: "weighted r", spearman: "Spearman's rho", cramers_v: "Cramér's V" };
const ALL = { period: "all months", variant: "all states" };
const SHOWN_MONTHS = 12;
const COLUMNS = [
  { name: "name", title: "Pair" }, { name: "method_name", title: "Measure" }, { name: "variant", title: "States" }, { name: "period", title: "Period" },
  { name: "coefficient", title: "Coefficient", kind: "number" }, { name: "ci_low", title: "From", kind: "number" }, { name: "ci_high", title: "To", kind: "number" },
  { name: "adjusted_p_value", title: "p, adjusted", kind: "number" }, { name: "n", title: "n", kind: "count" },
  { name: "included_visitors", title: "Visitors behind it", kind: "count" }, { name: "meaning", title: "Meaning" }, { name: "caveat", title: "What it does not say" },
];

export async function load(view, { open }) {
  const rows = (await fetchTable("marts", "correlations")).map((row) => ({ ...row, name: `${row.x} | ${row.y}`, code: pairKey(row), method_name: METHODS[row.method] ?? row.method }));
  const main = rows.filter((row) => isMain(row));
  const choose = (row) => open(withChoice(view, "pair", row.code));
  const chosen = main.find((row) => row.code === choiceOf(view, "pair")) ?? main.find((row) => isDrawable(row)) ?? main[0];
  return [createCorrelations(main, rows, choose), createSensitivity(rows, chosen), await createScatter(view, main, chosen)];
}

const capitalize = (text) => text[0].toUpperCase() + text.slice(1);
const pairKey = ({ question, x, y }) => `${question}: ${x}: ${y}`;
const isMain = ({ period, variant, coefficient }) => period === ALL.period && variant === ALL.variant && coefficient !== null;
const isDrawable = ({ x, y }) => [STATE_VARIABLES, COUNTRY_VARIABLES].some((variables) => x in variables && y in variables);

function createCorrelations(main, rows, choose) {
  const first = main.filter(({ method }) => method !== "spearman");
  const sentences = first.filter(({ method }) => method !== "weighted_pearson").map((row) => {
    const link = createElement("button", { type: "button", className: "link", onclick: () => choose(row) }, row.meaning || row.name);
    const figures = first.filter(({ code }) => code === row.code).map((same) => `${same.method_name} ${format(same.coefficient, "number")}`);
    return createElement("li", {}, link, createElement("span", { className: "muted" }, ` ${joinTexts(figures)}. ${row.caveat}`));
  });
  return {
    name: "correlations", title: "Correlations", wide: true, chart: "correlations", data: { rows: first }, rows, columns: COLUMNS,
    content: createElement("ul", { className: "sentences" }, ...sentences),
    summary: `${sentences.length} pairs. Association, not cause. The filters do not apply: they are computed over all published months, each in the table too.`,
    note: "Lines are 95 % intervals; Cramér's V has none, because it describes all arrivals.",
    hint: "Click a point or a sentence to see the pair below.",
    onPick: choose,
  };
}

/** The coefficient of a pair without some states, and in each month. */
function createSensitivity(rows, chosen) {
  const same = chosen ? rows.filter((row) => row.code === chosen.code && row.method === chosen.method && row.coefficient !== null) : [];
  const labelled = same.map((row) => ({ ...row, label: row.period === ALL.period ? row.variant : row.period }));
  const shown = [...labelled.filter(({ period }) => period === ALL.period), ...labelled.filter(({ period }) => period !== ALL.period).slice(-SHOWN_MONTHS)];
  const values = shown.map(({ coefficient }) => coefficient);
  return {
    name: "sensitivity", title: "Sensitivity", chart: "sensitivity", data: { rows: shown }, rows: labelled, columns: COLUMNS,
    summary: chosen ? `${chosen.name}: from ${format(Math.min(...values), "number")} to ${format(Math.max(...values), "number")}. ${chosen.caveat}` : "",
    note: "The same coefficient without the states that are probably miscoded, without the three largest, and in each of the newest months; the table has all.",
    empty: shown.length ? "" : "There is no coefficient to show.",
  };
}

async function createScatter(view, main, chosen) {
  const isOfStates = chosen && chosen.x in STATE_VARIABLES && chosen.y in STATE_VARIABLES;
  const canDraw = chosen && isDrawable(chosen);
  const points = canDraw ? await (isOfStates ? observeStates : observeCountries)(view, chosen.x, chosen.y) : [];
  return {
    name: "scatter", title: chosen ? capitalize(`${chosen.x} and ${chosen.y}`) : "A pair", chart: "scatter", data: { rows: points }, rows: points,
    params: { x_title: chosen?.x ?? "", y_title: chosen?.y ?? "" },
    columns: [
      { name: "name", title: isOfStates ? "State" : "Country" }, { name: "x", title: chosen?.x ?? "x", kind: "number" },
      { name: "y", title: chosen?.y ?? "y", kind: "number" }, { name: "visitors", title: "Visitors", kind: "count" },
    ],
    choices: [{ name: "pair", label: "Pair", value: chosen?.code, values: [...new Map(main.map((row) => [row.code, row.name]))] }],
    summary: chosen ? `${chosen.meaning || chosen.name} (${chosen.method_name} ${format(chosen.coefficient, "number")})` : "",
    note: "Each point is a state or a country, of the chosen months and filters; its area is the number of visitors.",
    empty: canDraw ? "" : "This pair is not of states or countries, so it has no points; see who goes where more than expected.",
  };
}
