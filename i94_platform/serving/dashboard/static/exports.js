// Saves a card as CSV or PNG, each with its title, period, filters, source and release.

import { format } from "./formatting.js";

const MARGIN = 16;
const SCALE = 2;

/** Saves a blob as a file. */
export function saveFile(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The name of a file: what it holds, for which period and filters. */
export const fileName = (parts, extension) =>
  `${["i94", ...parts].join("-").replaceAll(/[^A-Za-z0-9+-]+/g, "_").slice(0, 120)}.${extension}`;

/** Formats all rows as CSV with unformatted values, after comments that say what they are. */
export function formatCsv(columns, rows, comments = []) {
  const lines = [columns.map((column) => column.name), ...rows.map((row) => columns.map((column) => row[column.name]))];
  const head = comments.map((text) => `# ${text.replaceAll(/\s+/g, " ")}`);
  // the byte order mark says UTF-8 to a spreadsheet
  return `\ufeff${[...head, ...lines.map((line) => line.map(formatField).join(","))].join("\r\n")}\r\n`;
}

/** Formats a field. A spreadsheet takes no text of it for a formula. */
function formatField(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Draws a chart with a title above and notes below, as a PNG. */
export async function composePng(view, title, notes, colors) {
  const chart = await view.toCanvas(SCALE);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const width = chart.width / SCALE;
  const font = (size, weight = 400) => `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  const layOut = (texts, size, weight) => {
    context.font = font(size, weight);
    return texts.flatMap((text) => wrapText(context, text, width));
  };
  const blocks = [
    { lines: layOut([title], 17, 600), size: 17, weight: 600, color: colors.ink },
    { lines: layOut([notes[0]], 12), size: 12, color: colors.muted },
    { height: chart.height / SCALE },
    { lines: layOut(notes.slice(1), 11), size: 11, color: colors.muted },
  ];
  const heightOf = (block) => block.height ?? block.lines.length * block.size * 1.4;
  canvas.width = (width + 2 * MARGIN) * SCALE;
  canvas.height = (blocks.reduce((sum, block) => sum + heightOf(block) + 6, 0) + 2 * MARGIN) * SCALE;
  context.scale(SCALE, SCALE);
  context.fillStyle = colors.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  let top = MARGIN;
  for (const block of blocks) {
    if (block.height) context.drawImage(chart, MARGIN, top, width, block.height);
    else drawLines(context, block, font(block.size, block.weight), top);
    top += heightOf(block) + 6;
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function drawLines(context, { lines, size, color }, font, top) {
  context.font = font;
  context.fillStyle = color;
  lines.forEach((line, index) => context.fillText(line, MARGIN, top + size + index * size * 1.4));
}

function wrapText(context, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (context.measureText(longer).width > width && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

/** Says where the figures of a file are from. */
export const describeSource = (release, isExact) =>
  `Source: I-94 arrivals, release ${release.version.slice(0, 12)}, data as of ${format(release.data_as_of, "time")}.` +
  (isExact ? "" : " Counts are rounded to 5.");
