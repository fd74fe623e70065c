// Figures as words: numbers, shares and months as people read them. Pure functions.

const COUNT = new Intl.NumberFormat("en-US");
const SHARE = new Intl.NumberFormat("en-US", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const CHANGE = new Intl.NumberFormat("en-US", {
  style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero",
});
const MONTH = new Intl.DateTimeFormat("en-US", { month: "long", year: "numeric", timeZone: "UTC" });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: "UTC" });

const WRITTEN = {
  text: String,
  count: (value) => COUNT.format(value),
  share: (value) => SHARE.format(value),
  change: (value) => CHANGE.format(value),
  number: (value) => value.toFixed(3),
  degrees: (value) => value.toFixed(1),
  month: (key) => MONTH.format(new Date(`${key}-01T00:00:00Z`)),
  moment: (text) => `${MOMENT.format(new Date(text))} UTC`,
};

/** A value as people read it; nothing for null. */
export const written = (value, kind = "text") => (value === null || value === undefined ? "" : WRITTEN[kind](value));

/** A range of months, such as "January 2016 to March 2016". */
export const range = (first, last) =>
  first === last ? written(first, "month") : `${written(first, "month")} to ${written(last, "month")}`;
