// All requests to the API: grouped sums of the arrivals, dimensions, other tables, status. Responses are kept.

import { CONFIG } from "./config.js";

const UNREACHABLE = "The server can't be reached. Is i94 serve still running? Reload the page to try again.";
const MAX_ROWS = 10_000;

let responses = new Map(); // promises of responses by path
let current = null; // the release of the newest response
let control = "exact";

/** The release that the shown figures are from: `version`, `months`, `data_as_of`. */
export const release = () => current;

/** Whether counts are not rounded. */
export const isExact = () => control === "exact";

/** Divides two figures that the caller sees; null where one is withheld, or the base is too small to tell of nobody. */
export const computeShare = (part, base) => (part !== null && base && (isExact() || base >= CONFIG.min_base) ? part / base : null);

/** Forgets all responses, because the caller or the release has changed. */
export function forgetResponses() {
  responses = new Map();
}

/** Fetches JSON; throws a problem with `status` and `detail`. */
export function fetchJson(path) {
  if (!responses.has(path)) {
    const response = request(path);
    response.catch(() => responses.delete(path));
    responses.set(path, response);
  }
  return responses.get(path);
}

async function request(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } }).catch(() => {
    throw { status: 0, detail: UNREACHABLE };
  });
  if (!response.ok) {
    throw await response.json().catch(() => ({ status: response.status, detail: `The server answered ${response.status}.` }));
  }
  const content = await response.json();
  if (content.release && path !== "/api/v1/status") {
    current = content.release;
    control = content.disclosure?.control ?? response.headers.get("X-Disclosure-Control") ?? control;
  }
  return content;
}

/** Fetches all rows of a published table. */
export const fetchTable = async (layer, name) => (await fetchJson(`/api/v1/${layer}/${name}?limit=${MAX_ROWS}`)).data;

/** Fetches the airlines that occur, each with its code and name. */
export async function fetchAirlines() {
  const { data } = await fetchJson(`/api/v1/query/visitors_by_airline?group=airline&select=airline_name.max&limit=${MAX_ROWS}`);
  return data.map((row) => ({ code: row.airline, name: row.airline_name_max }));
}

/** Fetches the codes of the visa classes that occur. */
export async function fetchVisaClasses() {
  const { data } = await fetchJson(`/api/v1/query/arrivals_cube?group=visatype&select=visitors.sum&limit=${MAX_ROWS}`);
  return data.map(({ visatype }) => visatype);
}

/** Fetches what states' codes may stand for instead, by state and port, in a month. */
export async function fetchDoubtfulStates(month) {
  const columns = "i94addr,state,port,visitors,usual_visitors,possible_meaning";
  const path = `/api/v1/query/destination_by_port?select=${columns}&possible_meaning__null=false&from=${month}&to=${month}`;
  const { data } = await fetchJson(`${path}&order=-visitors&limit=${MAX_ROWS}`);
  return data.filter((row) => row.possible_meaning);
}

/** Fetches the mean temperature of each state with a measured city, by its code. */
export async function fetchStateTemperatures() {
  const { data } = await fetchJson("/api/v1/query/state_climate?group=i94addr&select=mean_temperature.max");
  return new Map(data.map((row) => [row.i94addr, row.mean_temperature_max]));
}

/**
 * Sums measures of the arrivals.
 *
 * @param {object} filters lists of values by column
 * @param {object} period the `first` and `last` month; all months without it
 * @param {string[]} group the columns to group by; without any the result has one row
 * @param {string[]} measures the columns to sum
 * @returns {Promise<object[]>} rows with the columns and measures, most visitors first
 */
export async function sumArrivals({ filters = {}, period, group = [], measures = ["visitors"] }) {
  const table = chooseTable([...group, ...Object.keys(filters)], measures);
  const query = new URLSearchParams();
  if (group.length) query.set("group", group.join(","));
  query.set("select", measures.map((measure) => `${measure}.sum`).join(","));
  for (const [column, values] of Object.entries(filters)) query.set(column, values.join(","));
  if (period) query.set("from", period.first);
  if (period) query.set("to", period.last);
  if (group.length) query.set("order", `-${measures[0]}.sum`);
  query.set("limit", MAX_ROWS);
  const rows = await fetchPages(`/api/v1/query/${table}?${query.toString().replaceAll("%2C", ",")}`);
  return rows.map((row) => renameMeasures(row, measures));
}

async function fetchPages(path) {
  const rows = [];
  let next = "";
  do {
    const { data, page } = await fetchJson(next ? `${path}&cursor=${next}` : path);
    rows.push(...data);
    next = page.next;
  } while (next);
  return rows;
}

function renameMeasures(row, measures) {
  const renamed = { ...row };
  for (const measure of measures) {
    renamed[measure] = row[`${measure}_sum`]; // null where it is withheld
    delete renamed[`${measure}_sum`];
  }
  return renamed;
}

/** The smallest mart that has all columns: the API reads it faster than the cube, and their sums are equal. */
function chooseTable(columns, measures) {
  const needed = columns.filter((column) => !["i94yr", "i94mon"].includes(column));
  const fits = ({ keys, measures: sums }) => needed.every((c) => keys.includes(c)) && measures.every((m) => sums.includes(m));
  const tables = CONFIG.marts.filter(fits).sort((a, b) => a.keys.length - b.keys.length);
  return tables.length ? tables[0].name : "arrivals_cube";
}
