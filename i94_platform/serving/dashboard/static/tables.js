// Renders the rows of a chart as a table, and as CSV. Values enter the page as text, never as HTML.

import { format } from "./formatting.js";

const LONG_TEXT = 60; // characters; such a cell gets a minimum width

/** Creates an element with properties and children. */
export function createElement(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Creates a table of rows; the first column holds the row headers. */
export function createTable(columns, rows, caption) {
  const headers = columns.map((column) => createElement("th", { scope: "col", className: column.kind ?? "" }, column.title));
  const body = rows.map((row) =>
    createElement("tr", {}, ...columns.map((column, index) => createCell(column, row[column.name], index))),
  );
  return createElement(
    "table", {},
    createElement("caption", { className: "visually-hidden" }, caption),
    createElement("thead", {}, createElement("tr", {}, ...headers)),
    createElement("tbody", {}, ...body),
  );
}

function createCell(column, value, index) {
  const text = format(value, column.kind);
  if (index === 0) return createElement("th", { scope: "row" }, text);
  return createElement("td", { className: text.length > LONG_TEXT ? "long" : (column.kind ?? "") }, text);
}

/** Formats rows as CSV with unformatted values. A spreadsheet takes no text of it for a formula. */
export function formatCsv(columns, rows) {
  const lines = [columns.map((column) => column.name), ...rows.map((row) => columns.map((column) => row[column.name]))];
  // the byte order mark says UTF-8 to a spreadsheet
  return "\ufeff" + lines.map((line) => line.map(formatField).join(",")).join("\r\n") + "\r\n";
}

function formatField(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
