// Ports and stays: where visitors enter and how, how long they stay, and who has no departure.

import { FILTERS } from "../config.js";
import { describeRanking, rankArrivals, rankingColumns } from "../figures.js";
import { format } from "../formatting.js";
import { computeShare } from "../queries.js";
import { CHOICES, choiceOf } from "../state.js";

const SHOWN = 15;

export async function load(view, { pick }) {
  const rank = async (column, name, title, plural) => {
    const ranking = await rankArrivals(view, column);
    return {
      name, title, chart: "ranking", data: { rows: ranking.rows.filter(({ visitors }) => visitors).slice(0, SHOWN) }, rows: ranking.rows,
      columns: rankingColumns(view, FILTERS[column].name), summary: describeRanking(ranking, SHOWN, plural), onPick: pick(column),
    };
  };
  const [stays, departures] = createStays(view, await rankArrivals(view, choiceOf(view, "stays"), ["visitors", "no_departure", "stays", "stay_days"]), pick);
  return Promise.all([
    rank("i94port", "ports", "Ports of entry", "ports"),
    rank("airline", "airlines", "Airlines and other carriers", "carriers"),
    stays,
    departures,
    { ...(await rank("i94mode", "modes", "Mode of arrival", "modes")), wide: true },
  ]);
}

function createStays(view, ranking, pick) {
  const column = choiceOf(view, "stays");
  const rows = ranking.rows.map((row) => ({ ...row, days: computeShare(row.stay_days, row.stays), missing: computeShare(row.no_departure, row.visitors) }));
  const largest = rows.slice(0, SHOWN);
  const choices = [{ name: "stays", label: "By", value: column, values: CHOICES.stays.map((key) => [key, FILTERS[key].name]) }];
  const columns = [
    { name: "name", title: FILTERS[column].name }, { name: "code", title: "Code" }, { name: "visitors", title: "Visitors", kind: "count" },
    { name: "stays", title: "Known stays", kind: "count" }, { name: "days", title: "Mean days", kind: "decimal" },
    { name: "no_departure", title: "No departure", kind: "count" }, { name: "missing", title: "Share", kind: "share" },
  ];
  const byDays = largest.filter(({ days }) => days !== null).sort((a, b) => b.days - a.days);
  const byMissing = largest.filter(({ missing }) => missing !== null).sort((a, b) => b.missing - a.missing);
  const common = { rows, columns, choices, onPick: pick(column) };
  return [
    {
      ...common, name: "stays", title: "Mean length of stay", chart: "stays", data: { rows: byDays },
      summary: byDays.length > 1 ? `Longest of the ${byDays.length} largest: ${byDays[0].name} (${format(byDays[0].days, "decimal")} days); shortest: ${byDays.at(-1).name} (${format(byDays.at(-1).days, "decimal")}).` : "",
      note: "Days from arrival to departure, of the stays of 0 to 365 days with a departure in the same delivery.",
    },
    {
      ...common, name: "departures", title: "Without a departure", chart: "departures", data: { rows: byMissing }, choices: [],
      summary: byMissing.length ? `${byMissing.length > 1 ? `Largest share of the ${byMissing.length} largest: ` : ""}${byMissing[0].name} (${format(byMissing[0].missing, "share")}).` : "",
      note: "A departure is missing if it was not recorded when the month was delivered. It does not mean that the visitor overstayed.",
    },
  ];
}
