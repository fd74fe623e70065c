// Formats numbers, shares and months for people. Pure functions.

const COUNT = new Intl.NumberFormat("en-US");
const PERCENT = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
const SHARE = new Intl.NumberFormat("en-US", PERCENT);
const CHANGE = new Intl.NumberFormat("en-US", { ...PERCENT, signDisplay: "exceptZero" });
const DIFFERENCE = new Intl.NumberFormat("en-US", { signDisplay: "exceptZero" });
const ROUGH = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 2 });
const ROUGH_SHARE = new Intl.NumberFormat("en-US", { style: "percent", maximumSignificantDigits: 2 });
const RATE = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
const MONTH = new Intl.DateTimeFormat("en-US", { month: "long", year: "numeric", timeZone: "UTC" });
const SHORT_MONTH = new Intl.DateTimeFormat("en-US", { month: "short", timeZone: "UTC" });
const TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });

const toDate = (month) => new Date(`${month}-01T00:00:00Z`);

const FORMATS = {
  text: String,
  count: (value) => COUNT.format(value),
  difference: (value) => DIFFERENCE.format(value),
  share: (value) => SHARE.format(value),
  change: (value) => CHANGE.format(value),
  number: (value) => value.toFixed(3),
  decimal: (value) => value.toFixed(1),
  rate: (value) => RATE.format(value),
  rough: (value) => ROUGH.format(value),
  rough_share: (value) => ROUGH_SHARE.format(value),
  ratio: (value) => `${value.toFixed(2)} ×`,
  month: (key) => MONTH.format(toDate(key)),
  time: (text) => `${TIME.format(new Date(text))} UTC`,
};

/** Formats a value; an empty text for null. */
export const format = (value, kind = "text") => (value === null || value === undefined ? "" : (FORMATS[kind] ?? String)(value));

/** The name of the month of a year, such as "Jan". */
export const formatMonthName = (key) => SHORT_MONTH.format(toDate(key));

/** Formats a period, such as "January 2016 to March 2016". */
export const formatPeriod = ({ first, last }) =>
  first === last ? format(first, "month") : `${format(first, "month")} to ${format(last, "month")}`;

/** Joins texts as a sentence does: "a, b and c". */
export const joinTexts = (texts) => (texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}`);
