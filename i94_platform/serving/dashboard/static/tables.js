// A chart's rows as a table, and as CSV. Values get into the page as text only, never as HTML.

import { written } from "./formatting.js";

const LONG = 60; // characters; such a cell gets room

/** An element with properties and children. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** The rows as a table, whose first column heads each row. */
export function table(columns, rows, caption) {
  const heads = columns.map((column) => element("th", { scope: "col", className: column.kind }, column.title));
  const body = rows.map((row) => element("tr", {}, ...columns.map((column, place) => cell(column, row[column.name], place))));
  return element(
    "table", {},
    element("caption", { className: "visually-hidden" }, caption),
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...body),
  );
}

function cell(column, value, place) {
  const text = written(value, column.kind);
  if (place === 0) return element("th", { scope: "row" }, text);
  return element("td", { className: text.length > LONG ? "long" : column.kind }, text);
}

/** The rows as CSV with the values as they are; a spreadsheet takes no text of it for a formula. */
export function csv(columns, rows) {
  const lines = [columns.map((column) => column.name), ...rows.map((row) => columns.map((column) => row[column.name]))];
  // the mark at the beginning tells a spreadsheet that it is UTF-8
  return "\ufeff" + lines.map((line) => line.map(field).join(",")).join("\r\n") + "\r\n";
}

function field(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
