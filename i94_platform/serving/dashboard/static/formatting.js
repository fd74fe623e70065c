// Formats numbers, shares and months for people. Pure functions.

const COUNT = new Intl.NumberFormat("en-US");
const PERCENT = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
const SHARE = new Intl.NumberFormat("en-US", PERCENT);
const CHANGE = new Intl.NumberFormat("en-US", { ...PERCENT, signDisplay: "exceptZero" });
const MONTH = new Intl.DateTimeFormat("en-US", { month: "long", year: "numeric", timeZone: "UTC" });
const TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });

const FORMATS = {
  text: String,
  count: (value) => COUNT.format(value),
  share: (value) => SHARE.format(value),
  change: (value) => CHANGE.format(value),
  number: (value) => value.toFixed(3),
  degrees: (value) => value.toFixed(1),
  month: (key) => MONTH.format(new Date(`${key}-01T00:00:00Z`)),
  time: (text) => `${TIME.format(new Date(text))} UTC`,
};

/** Formats a value; an empty text for null. */
export const format = (value, kind = "text") => (value === null || value === undefined ? "" : FORMATS[kind](value));

/** Formats a range of months, such as "January 2016 to March 2016". */
export const formatRange = (first, last) =>
  first === last ? format(first, "month") : `${format(first, "month")} to ${format(last, "month")}`;
