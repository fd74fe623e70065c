// A table with all rows of a card: searched, sorted, and shown in parts, because thousands of rows take long to lay out.

import { createElement } from "./dom.js";
import { format } from "./formatting.js";

const SHOWN_ROWS = 100;
const LONG_TEXT = 60; // characters; such a cell gets a minimum width
const TEXT_KINDS = [undefined, "text", "month"];

/** Creates the table of a card, with its search box. `onPick` makes a button of the first cell of each row. */
export function createTable({ columns, rows, title, onPick }) {
  const state = { text: "", sort: null, isDescending: false, isComplete: false };
  const body = createElement("tbody");
  const heads = columns.map((column) => createHead(column, () => (sortBy(column), update())));
  const table = createElement(
    "table", {},
    createElement("caption", { className: "visually-hidden" }, title),
    createElement("thead", {}, createElement("tr", {}, ...heads)),
    body,
  );
  const count = createElement("p", { className: "muted", role: "status" });
  const more = createElement("button", { type: "button", onclick: () => ((state.isComplete = true), update()) });
  const search = createElement("input", { type: "search", placeholder: "Search", "aria-label": `Search the table of ${title}` });
  search.addEventListener("input", () => ((state.text = search.value), update()));

  function sortBy(column) {
    state.isDescending = state.sort === column ? !state.isDescending : !TEXT_KINDS.includes(column.kind);
    state.sort = column;
  }

  function update() {
    const matching = sortRows(searchRows(rows, columns, state.text), state);
    const shown = state.isComplete ? matching : matching.slice(0, SHOWN_ROWS);
    body.replaceChildren(...shown.map((row) => createRow(columns, row, onPick)));
    columns.forEach((column, index) => heads[index].setAttribute("aria-sort", describeSort(column, state)));
    count.textContent = `${format(shown.length, "count")} of ${format(rows.length, "count")} ${rows.length === 1 ? "row" : "rows"}`;
    more.textContent = `Show all ${format(matching.length, "count")} rows`;
    more.hidden = shown.length === matching.length;
  }

  update();
  const tools = createElement("div", { className: "table-tools" }, rows.length > 10 ? search : null, count);
  const region = createElement("div", { className: "table", role: "region", tabIndex: 0, "aria-label": `Table of ${title}` }, table);
  return createElement("div", {}, tools, region, more);
}

function createHead(column, onclick) {
  const arrow = createElement("span", { className: "arrow", "aria-hidden": "true" });
  const button = createElement("button", { type: "button", onclick }, column.title, arrow);
  return createElement("th", { scope: "col", className: column.kind ?? "" }, button);
}

function describeSort(column, { sort, isDescending }) {
  if (sort !== column) return "none";
  return isDescending ? "descending" : "ascending";
}

function searchRows(rows, columns, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return rows;
  return rows.filter((row) => {
    const content = columns.map((column) => format(row[column.name], column.kind)).join(" ").toLowerCase();
    return words.every((word) => content.includes(word));
  });
}

function sortRows(rows, { sort, isDescending }) {
  if (!sort) return rows;
  const sign = isDescending ? -1 : 1;
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  return [...rows].sort((a, b) => {
    const [left, right] = [a[sort.name] ?? null, b[sort.name] ?? null];
    if (left === null || right === null) return (left === null) - (right === null); // unknown values come last
    return sign * compare(left, right);
  });
}

function createRow(columns, row, onPick) {
  return createElement("tr", {}, ...columns.map((column, index) => createCell(column, row, index, onPick)));
}

function createCell(column, row, index, onPick) {
  const text = format(row[column.name], column.kind);
  if (index) return createElement("td", { className: text.length > LONG_TEXT ? "long" : (column.kind ?? "") }, text);
  const pick = onPick && row.code !== undefined;
  const content = pick ? createElement("button", { type: "button", className: "link", onclick: () => onPick(row) }, text || "(empty)") : text;
  return createElement("th", { scope: "row" }, content);
}
