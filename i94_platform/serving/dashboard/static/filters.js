// The form of months and filters, and the breadcrumb that shows the filters of the view.

import { FILTERS, PAGES } from "./config.js";
import { byId, createElement } from "./dom.js";
import { format, formatPeriod } from "./formatting.js";
import { isKnown, listNames, nameOf } from "./names.js";
import { fetchVisaClasses, release } from "./queries.js";
import { comparisonPeriod, startingMonths, urlOf, withFilter, withoutFilter } from "./state.js";

const form = byId("filters");

/** Fills the form for a view; the lists of values are filled once. */
export function fillForm(view) {
  const months = release().months.map((key) => [key, format(key, "month")]);
  fillSelect("from", months, view.period.first);
  fillSelect("to", months, view.period.last);
  fillSelect("compare", listComparisons(view), view.compare);
  for (const [column, { all }] of Object.entries(FILTERS)) {
    const control = form.elements[column];
    const empty = view.filters[column] ? "Add another" : all;
    if (control.tagName === "SELECT") fillSelect(column, [["", empty], ...listNames(column).map(({ code, name }) => [code, name])], "");
    else Object.assign(control, { value: "", placeholder: empty });
  }
  const others = [...form.querySelectorAll("details [name]")].filter(({ name }) => view.filters[name]).length;
  byId("more").textContent = others ? `More filters (${others})` : "More filters";
  form.hidden = false;
}

function fillSelect(name, options, selected) {
  form.elements[name].replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === selected)));
}

function listComparisons(view) {
  const automatic = comparisonPeriod({ ...view, compare: "" });
  return [
    ["", automatic ? formatPeriod(automatic) : "nothing (no earlier period is published)"],
    ["before", "the months just before"],
    ["none", "nothing"],
    ...startingMonths(view.period).map((month) => [month, `from ${format(month, "month")}`]),
  ];
}

/** Fills the lists that the text fields suggest from. That of visa classes takes a query over all arrivals. */
export async function fillLists() {
  for (const input of form.querySelectorAll("input[list]")) {
    const list = byId(input.getAttribute("list"));
    if (!list.children.length) list.append(...listNames(input.name).map(({ name }) => new Option(name)));
  }
  byId("list-visatype").append(...(await fetchVisaClasses()).map((code) => new Option(code)));
}

/** Calls back with another view when the user changes the form. */
export function listenToForm(getView, open) {
  form.addEventListener("change", ({ target }) => {
    const view = getView();
    const { name, value } = target;
    if (["from", "to"].includes(name)) return open(withPeriod(view, name, value));
    if (name === "compare") return open({ ...view, compare: value });
    if (!value.trim()) return undefined;
    const code = findCode(name, value.trim());
    target.setCustomValidity(code === undefined ? `No ${FILTERS[name].level} is called ${value}.` : "");
    return code === undefined ? target.reportValidity() : open(withFilter(view, name, code));
  });
  form.addEventListener("input", ({ target }) => target.setCustomValidity(""));
  form.addEventListener("submit", (event) => event.preventDefault());
}

function withPeriod(view, name, value) {
  const period = { ...view.period, [name === "from" ? "first" : "last"]: value };
  if (period.first > period.last) period[name === "from" ? "last" : "first"] = value;
  const compare = ["", "none", "before"].includes(view.compare) || startingMonths(period).includes(view.compare) ? view.compare : "";
  return { ...view, period, compare };
}

/** The code of a name or a code, or of the only name that contains a text. Airlines and visa classes have no complete list. */
function findCode(column, text) {
  const lower = text.toLowerCase();
  const all = listNames(column);
  const exact = all.find(({ code, name }) => [code, name].some((value) => value.toLowerCase() === lower));
  const similar = all.filter(({ name }) => name.toLowerCase().includes(lower));
  const match = exact ?? (similar.length === 1 ? similar[0] : undefined);
  return match?.code ?? (isKnown(column, text) ? text.toUpperCase() : undefined);
}

/** Describes the filters of a view, such as "State: Florida". */
export const describeFilters = ({ filters }) =>
  Object.entries(filters).map(([column, values]) => `${FILTERS[column].name}: ${values.map((value) => nameOf(column, value)).join(", ")}`);

/** Shows the path of filters; each step leads back to it, and each value can be removed. */
export function showBreadcrumb(view) {
  const all = { ...view, filters: {} };
  const steps = [createElement("li", {}, createElement("a", { href: urlOf(all) }, "All arrivals"))];
  const path = {};
  for (const [column, values] of Object.entries(view.filters)) {
    path[column] = values;
    const href = urlOf({ ...view, filters: { ...path } });
    const names = values.map((value) => nameOf(column, value));
    const removals = values.map((value, index) =>
      createElement("a", { className: "remove", href: urlOf(withoutFilter(view, column, value)), "aria-label": `Remove ${names[index]}` }, "×"),
    );
    const link = createElement("a", { href }, `${FILTERS[column].name}: ${names[0]}`);
    const others = names.slice(1).flatMap((name, index) => [createElement("span", {}, name), removals[index + 1]]);
    steps.push(createElement("li", {}, link, removals[0], ...others));
  }
  steps.at(-1).querySelector("a").setAttribute("aria-current", "location");
  byId("breadcrumb").replaceChildren(createElement("ol", {}, ...steps));
}

/** Lets the navigation keep months and filters. */
export function updateNavigation(view) {
  for (const { name } of PAGES) {
    const link = byId(`nav-${name}`);
    link.href = urlOf({ ...view, page: name, choices: {} });
    if (name === view.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
