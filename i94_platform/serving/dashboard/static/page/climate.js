// Climate: from which climates visitors come, and to which climates they go.

import { CONFIG } from "../config.js";
import { rankArrivals, rankingColumns } from "../figures.js";
import { format } from "../formatting.js";
import { countries } from "../names.js";
import { computeShare, fetchStateTemperatures, sumArrivals } from "../queries.js";
import { apiFilters } from "../state.js";

const UNKNOWN = "unknown";

export async function load(view, { pick }) {
  return Promise.all([createFlow(view), createTemperatures(view, pick)]);
}

/** The band of a temperature in °C. */
function bandOf(temperature) {
  if (temperature === null || temperature === undefined) return UNKNOWN;
  return CONFIG.climate_bands.find(([, low, high]) => (low === null || temperature >= low) && (high === null || temperature < high))[0];
}

const groupCodes = (rows, temperatureOf) => {
  const groups = new Map([...CONFIG.climate_bands.map(([name]) => name), UNKNOWN].map((name) => [name, []]));
  for (const row of rows) groups.get(bandOf(temperatureOf(row))).push(row);
  return groups;
};

/** Visitors by the climate that they come from and the climate of the state that they go to. */
async function createFlow(view) {
  const filters = apiFilters(view);
  const temperatures = await fetchStateTemperatures();
  const sources = groupCodes(countries().filter(({ code }) => !filters.i94res || filters.i94res.includes(String(code))), (row) => row.mean_temperature);
  const rows = (await Promise.all([...sources].map(([band, group]) => sumBand(view, filters, band, group, temperatures)))).flat();
  const drawn = rows.filter(({ destination, share }) => destination !== UNKNOWN && share !== null);
  const all = rows.reduce((sum, { visitors }) => sum + visitors, 0);
  const known = drawn.reduce((sum, { visitors }) => sum + visitors, 0);
  const strongest = drawn.filter(({ source }) => source !== UNKNOWN).reduce((best, row) => (row.share > (best?.share ?? 0) ? row : best), null);
  const order = [...CONFIG.climate_bands.map(([name]) => name), UNKNOWN];
  return {
    name: "flow", title: "From climate to climate", wide: true, chart: "climate_flow", data: { rows: drawn }, rows, params: { order },
    columns: [
      { name: "source", title: "Climate of the residence" }, { name: "destination", title: "Climate of the state" },
      { name: "visitors", title: "Visitors", kind: "count" }, { name: "share", title: "Share of the source's known", kind: "share" },
    ],
    summary: strongest ? `Of the visitors from ${strongest.source} countries whose state's climate is known, ${format(strongest.share, "share")} go to ${strongest.destination} states.` : "",
    note: `Bands of the mean yearly temperature in °C: ${describeBands()}. A row adds up to 100 %. The climate of the state is known for ${format(computeShare(known, all), "share") || "too few"} of the visitors, by the US cities with thermometers.`,
    empty: drawn.length ? "" : "The climate of the state is known for too few visitors; the table has them by the climate of the residence.",
  };
}

async function sumBand(view, filters, source, group, temperatures) {
  const codes = group.map(({ code }) => String(code));
  const sums = codes.length ? await sumArrivals({ filters: { ...filters, i94res: codes }, period: view.period, group: ["i94addr"] }) : [];
  const visitors = new Map();
  for (const row of sums) {
    const destination = bandOf(temperatures.get(row.i94addr));
    visitors.set(destination, (visitors.get(destination) ?? 0) + row.visitors);
  }
  const known = [...visitors].reduce((sum, [destination, count]) => sum + (destination === UNKNOWN ? 0 : count), 0);
  return [...visitors].map(([destination, count]) => ({ source, destination, visitors: count, share: destination === UNKNOWN ? null : computeShare(count, known) }));
}

const describeBands = () =>
  CONFIG.climate_bands.map(([name, low, high]) => `${name} ${low === null ? "below" : high === null ? "from" : `${low} to`} ${high ?? low}`).join(", ");

async function createTemperatures(view, pick) {
  const { rows, total } = await rankArrivals(view, "i94res");
  const byCode = new Map(countries().map((country) => [country.code, country]));
  const all = rows.map((row) => {
    const { mean_temperature: temperature = null, region = null, iso3 = null } = byCode.get(row.code) ?? {};
    return { ...row, temperature, region, iso3, band: bandOf(temperature) };
  });
  const drawn = all.filter(({ temperature, visitors }) => temperature !== null && visitors);
  const unknown = total - drawn.reduce((sum, { visitors }) => sum + visitors, 0);
  const [first] = drawn;
  return {
    name: "temperatures", title: "Temperature of the residence", wide: true, chart: "temperatures", data: { rows: drawn }, rows: all,
    columns: [...rankingColumns(view, "Country of residence"), { name: "temperature", title: "Mean °C", kind: "decimal" }, { name: "band", title: "Climate" }, { name: "region", title: "Region" }],
    summary: first ? `Most live in ${first.name}, at ${format(first.temperature, "decimal")} °C on average.` : "",
    note: `Each point is a country; the scale of visitors is logarithmic. ${format(Math.max(0, unknown), "count")} visitors come from countries without a temperature.`,
    onPick: pick("i94res"),
  };
}
