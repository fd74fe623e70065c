// Names of codes, from the dimensions; a code without a name stands for itself.

import { CONFIG, FILTERS } from "./config.js";
import { fetchAirlines, fetchTable } from "./queries.js";

const DIMENSIONS = { i94addr: "state", i94res: "country", i94cit: "country", i94port: "i94port", i94mode: "i94mode", i94visa: "i94visa" };

let dimensions = {};
const names = {}; // maps of names by the text of the code, by column

/** Fetches the dimensions. Must end before names are asked for. */
export async function loadNames() {
  const tables = [...new Set(Object.values(DIMENSIONS))];
  const [airline, ...rows] = await Promise.all([fetchAirlines(), ...tables.map((table) => fetchTable("dimensions", table))]);
  dimensions = { airline, ...Object.fromEntries(tables.map((table, index) => [table, rows[index]])) };
  for (const column of Object.keys(FILTERS)) names[column] = collectNames(column);
}

function collectNames(column) {
  const known = Object.entries(CONFIG.values[column] ?? {});
  if (column === "region") {
    return new Map([...new Set(countries().map(({ region }) => region))].filter(Boolean).sort().map((region) => [region, region]));
  }
  const rows = dimensions[DIMENSIONS[column] ?? column] ?? [];
  return new Map([...known, ...rows.map((row) => [String(row.code), row.name || row.label])]);
}

/** The name of a code of a column. */
export const nameOf = (column, code) => names[column].get(String(code)) ?? String(code);

/** Whether a column has such a code; any text may be an airline or a visa class. */
export const isKnown = (column, code) => names[column].has(code) || ["airline", "visatype"].includes(column);

/** The codes of a column with their names, by name. */
export const listNames = (column) =>
  [...names[column]].map(([code, name]) => ({ code, name })).sort((a, b) => a.name.localeCompare(b.name, "en"));

/** The codes without a label that likely stand for a nationality, such as "code 148 (likely Germany)". */
export const listLikelyCodes = (code) => listNames("i94cit").filter(({ name }) => name.endsWith(` (likely ${nameOf("i94cit", code)})`));

/** The rows of the dimension of countries. */
export const countries = () => dimensions.country ?? [];

/** The rows of the dimension of states. */
export const states = () => dimensions.state ?? [];
