// A card: heading, choices, summary in words, chart, table with all rows, and both as files.

import { createElement } from "./dom.js";
import { composePng, describeSource, fileName, formatCsv, saveFile } from "./exports.js";
import { isExact, release } from "./queries.js";
import { readColor, renderChart } from "./rendering.js";
import { createTable } from "./tables.js";

/**
 * Creates a card.
 *
 * @param {object} card what it shows: `name`, `title`, `note` (how to read it), `hint` (what a click does), `summary` (what it shows, in words),
 *   `chart` (its specification) with `data` and `params`, `columns` and `rows` of the table, `choices`, `onPick`,
 *   `wide`, `isOpen` (its table), and `empty` (what stands in place of the chart)
 * @param {object} context `describe` says period and filters, `parts` are those of a file's name, `choose` sets a choice
 * @param {object} before the card of this name that the page shows; its chart is kept if it would be drawn the same
 */
export function createCard(card, context, before) {
  const id = `card-${card.name}`;
  const isEmpty = Boolean(card.empty) || !card.rows.length || (card.chart && !card.data.rows.length);
  const fingerprint = JSON.stringify([card.chart, { ...card.data, atlas: undefined }, card.params, isEmpty]);
  const isSame = Boolean(before?.view.current) && before.fingerprint === fingerprint;
  const chart = isSame ? before.chart : createElement("div", { className: "chart", role: "img", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-summary`, hidden: isEmpty });
  const section = createElement(
    "section", { className: card.wide ? "card wide" : "card", id, "aria-labelledby": `${id}-title` },
    createElement("h2", { id: `${id}-title` }, card.title),
    ...(card.choices ?? []).map((choice) => createChoice(choice, id, context)),
    createElement("p", { className: "summary", id: `${id}-summary` }, card.summary ?? ""),
    card.content ?? null,
    card.chart ? chart : null,
    isEmpty ? createElement("p", { className: "empty" }, card.empty || describeNothing()) : null,
    card.note && card.rows.length ? createElement("p", { className: "muted note" }, card.note) : null,
    card.hint && !isEmpty ? createElement("p", { className: "muted hint" }, card.hint) : null,
  );
  const view = isSame ? before.view : { current: null };
  chart.onPick = card.onPick;
  if (card.rows.length && card.columns) section.append(createTools(card, context, view, isEmpty), createDetails(card));
  return { name: card.name, section, chart, view, fingerprint, draw: () => draw(card, chart, view) };
}

const describeNothing = () =>
  isExact() ? "Nothing matches these months and filters." : "No figure that can be shown matches these months and filters.";

async function draw(card, target, view) {
  if (!card.chart || target.hidden) return;
  view.current?.finalize();
  try {
    view.current = await renderChart(card.chart, card.data, card.params, target);
  } catch (error) {
    console.error(error);
    target.replaceChildren("The chart can't be drawn; its table is complete.");
  }
}

/** Creates a choice: a group of radio buttons for few values, a select for more. */
function createChoice({ name, label, values, value }, id, { choose }) {
  if (values.length > 4) {
    const options = values.map(([key, text]) => new Option(text, key, false, key === value));
    const select = createElement("select", { id: `${id}-${name}` }, ...options);
    select.addEventListener("change", () => choose(name, select.value));
    return createElement("label", { className: "choice" }, `${label} `, select);
  }
  const radios = values.map(([key, text]) => {
    const radio = createElement("input", { type: "radio", name: `${id}-${name}`, id: `${id}-${name}-${key}`, value: key, checked: key === value });
    radio.addEventListener("change", () => choose(name, key));
    return createElement("label", {}, radio, createElement("span", {}, text));
  });
  return createElement("fieldset", { className: "choice" }, createElement("legend", {}, label), ...radios);
}

function createTools(card, context, view, isEmpty) {
  const comments = [card.title, context.describe(), describeSource(release(), isExact())];
  const parts = [card.name, ...context.parts(), ...(isExact() ? [] : ["rounded-5"])];
  const saveCsv = () => {
    const file = new Blob([formatCsv(card.columns, card.rows, comments)], { type: "text/csv" });
    saveFile(file, fileName(parts, "csv"));
  };
  const savePng = async () => {
    const colors = Object.fromEntries(["ink", "muted", "paper"].map((name) => [name, readColor(name)]));
    const notes = [comments[1], card.summary, card.note, comments[2]].filter(Boolean);
    saveFile(await composePng(view.current, card.title, notes, colors), fileName(parts, "png"));
  };
  const button = (text, onclick) => createElement("button", { type: "button", onclick, "aria-label": `${text} of ${card.title}` }, text);
  return createElement("div", { className: "tools" }, button("CSV", saveCsv), card.chart && !isEmpty ? button("PNG", savePng) : null);
}

/** Creates the table when it is opened. */
function createDetails(card) {
  const hidden = createElement("span", { className: "visually-hidden" }, ` of ${card.title}`);
  const details = createElement("details", {}, createElement("summary", {}, "Table", hidden));
  details.addEventListener("toggle", () => details.open && details.children.length === 1 && details.append(createTable(card)));
  details.open = Boolean(card.isOpen);
  return details;
}
