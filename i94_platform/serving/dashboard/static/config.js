// What the server tells the page: specifications of the charts, columns of the marts, values and bounds of the contracts.

export const CONFIG = JSON.parse(document.getElementById("config").textContent);

/** The pages in the order of the navigation; the first is at the root. */
export const PAGES = CONFIG.routes;

/** What the page filters by: the columns of the cube, and regions, which stand for countries of residence. */
export const FILTERS = {
  i94addr: { name: "State", all: "All states", level: "state" },
  i94res: { name: "Country of residence", all: "All countries", level: "country of residence" },
  i94cit: { name: "Nationality", all: "All nationalities", level: "nationality" },
  region: { name: "Region of residence", all: "All regions", level: "region" },
  i94port: { name: "Port of entry", all: "All ports", level: "port" },
  airline: { name: "Airline", all: "All airlines", level: "airline" },
  i94mode: { name: "Mode", all: "All modes", level: "mode" },
  i94visa: { name: "Purpose", all: "All purposes", level: "purpose" },
  visatype: { name: "Visa class", all: "All, such as B2", level: "visa class" },
  gender: { name: "Gender", all: "All genders", level: "gender" },
  age_band: { name: "Age", all: "All ages", level: "age" },
};
