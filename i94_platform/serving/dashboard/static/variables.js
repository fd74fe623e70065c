// The values of the variables that `mart.correlations` names, per state or country, for the months and filters of a view.

import { countries, nameOf, states } from "./names.js";
import { computeShare, fetchStateTemperatures, sumArrivals } from "./queries.js";
import { apiFilters } from "./state.js";

const SOURCE_TEMPERATURE = "mean temperature of the visitors' countries of residence";
const GROUPS = { residence: ["i94addr", "i94res"], gender: ["i94addr", "gender"], age: ["i94addr", "age_band"], purpose: ["i94addr", "i94visa"] };
const log = (value) => (value > 0 ? Math.log(value) : null);
const divide = (part, base) => (base && part !== null && part !== undefined ? part / base : null);

/** How each variable of a state is computed from its `state` (dimension), `visitors`, `climate`, and counts by group. */
export const STATE_VARIABLES = {
  "log of people in the state's cities": ({ state }) => log(state.city_population),
  "log of visitors": ({ visitors }) => log(visitors),
  "log of visitors per person in the state's cities": ({ state, visitors }) => (state.city_population ? log(visitors / state.city_population) : null),
  "share of people born abroad in the state's cities": ({ state }) => divide(state.foreign_born, state.city_population),
  "median age in the state's cities": ({ state }) => state.median_age,
  "share of women in the state's cities": ({ state }) => divide(state.female_population, state.female_population + state.male_population),
  "mean temperature of the state's cities": ({ climate }) => climate,
  "mean temperature of the visitors' countries of residence": ({ residence }) => averageTemperature(residence),
  "share of women among visitors recorded as F or M": ({ gender }) => computeShare(gender.F ?? 0, (gender.F ?? 0) + (gender.M ?? 0)),
  "share of visitors below 18": ({ age }) => shareOfAges(age, "0-17"),
  "share of visitors from 18 to 34": ({ age }) => shareOfAges(age, "18-24", "25-34"),
  "share of visitors of 65 and more": ({ age }) => shareOfAges(age, "65+"),
  "share of visitors on business": ({ purpose, visitors }) => computeShare(purpose[1] ?? 0, visitors),
  "share of visitors who study": ({ purpose, visitors }) => computeShare(purpose[3] ?? 0, visitors),
};

/** How each variable of a country is computed from its `country` (dimension) and `visitors`. */
export const COUNTRY_VARIABLES = {
  "mean yearly temperature of the country": ({ country }) => country.mean_temperature,
  "log of visitors": ({ visitors }) => log(visitors),
};

/** The mean temperature of countries, each as often as it has visitors; null where none has a temperature. */
function averageTemperature(residence) {
  const measured = countries().filter(({ code, mean_temperature: degrees }) => degrees !== null && residence[code]);
  const visitors = measured.reduce((sum, { code }) => sum + residence[code], 0);
  return divide(measured.reduce((sum, { code, mean_temperature: degrees }) => sum + degrees * residence[code], 0), visitors);
}

function shareOfAges(age, ...bands) {
  const known = Object.entries(age).reduce((sum, [band, visitors]) => sum + (band === "unknown" ? 0 : visitors), 0);
  return computeShare(bands.reduce((sum, band) => sum + (age[band] ?? 0), 0), known);
}

/** Returns a point for each state that has both variables. */
export async function observeStates(view, x, y) {
  const query = { filters: apiFilters(view), period: view.period };
  const names = Object.keys(GROUPS).filter((name) => name !== "residence" || [x, y].includes(SOURCE_TEMPERATURE)); // it has many rows
  const [totals, climates, ...groups] = await Promise.all([
    sumArrivals({ ...query, group: ["i94addr"] }),
    fetchStateTemperatures(),
    ...names.map((name) => sumArrivals({ ...query, group: GROUPS[name] })),
  ]);
  const observations = totals.map(({ i94addr: code, visitors }) => {
    const counts = names.map((name, index) => [name, countBy(groups[index].filter((row) => row.i94addr === code), GROUPS[name][1])]);
    const climate = climates.get(code) ?? null;
    return { code, visitors, climate, state: states().find((state) => state.code === code) ?? {}, ...Object.fromEntries(counts) };
  });
  return createPoints(observations.filter(({ code }) => code !== "99"), "i94addr", STATE_VARIABLES[x], STATE_VARIABLES[y]);
}

/** Returns a point for each country that has both variables. */
export async function observeCountries(view, x, y) {
  const totals = await sumArrivals({ filters: apiFilters(view), period: view.period, group: ["i94res"] });
  const byCode = new Map(countries().map((country) => [country.code, country]));
  const observations = totals.map(({ i94res: code, visitors }) => ({ code, visitors, country: byCode.get(code) ?? {} }));
  return createPoints(observations, "i94res", COUNTRY_VARIABLES[x], COUNTRY_VARIABLES[y]);
}

const countBy = (rows, column) => Object.fromEntries(rows.map((row) => [row[column], row.visitors]));

function createPoints(observations, column, computeX, computeY) {
  return observations
    .map((observation) => ({
      code: observation.code, name: nameOf(column, observation.code), label: observation.country?.iso3 ?? observation.code, visitors: observation.visitors,
      x: computeX(observation) ?? null, y: computeY(observation) ?? null,
    }))
    .filter(({ x, y }) => x !== null && y !== null);
}
