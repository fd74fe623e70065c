// The application: opens the view that the URL names, and renders its page. A problem is shown in place of the cards.

import { createCard } from "./cards.js";
import { CONFIG, PAGES } from "./config.js";
import { byId, createElement, showText } from "./dom.js";
import { describeFilters, fillForm, fillLists, listenToForm, showBreadcrumb, updateNavigation } from "./filters.js";
import { format, joinTexts } from "./formatting.js";
import { listLikelyCodes, loadNames } from "./names.js";
import { forgetResponses, isExact, release } from "./queries.js";
import { describePeriod, parseView, urlOf, withChoice, withFilter } from "./state.js";

const LOGIN = "The session has ended, or there was none. Open the URL that i94 serve printed, or enter an API key.";
const [main, content, login] = ["main", "content", "login"].map(byId);

let view = null;
let cards = []; // those of the page
let opening = 0; // counts openings, so that one stops when a newer one starts

/** Opens the view that the URL names; `leftOut` says what of the URL is gone already. */
async function openUrl(leftOut = []) {
  const number = (opening += 1);
  main.setAttribute("aria-busy", "true");
  try {
    await loadNames();
    if (!release().months.length) throw { detail: "The published release has no months yet; run 'i94 run'." };
    const parsed = parseView(location);
    view = parsed.view;
    if (parsed.problems.length) history.replaceState(null, "", urlOf(view));
    showFrame([...leftOut, ...parsed.problems]);
    const page = await import(`./page/${view.page}.js`);
    const shown = await page.load(view, { pick, open });
    if (number !== opening) return;
    await showCards(shown, number);
  } catch (error) {
    if (number !== opening) return;
    if (error instanceof Error) console.error(error);
    if (view?.filters[error.parameter]) return openWithout(error);
    showProblem(error);
  }
  if (number === opening) main.setAttribute("aria-busy", "false");
}

/** Opens the view without the filter whose value the server has refused. */
function openWithout({ parameter, detail }) {
  const { [parameter]: _, ...filters } = view.filters;
  history.replaceState(null, "", urlOf({ ...view, filters }));
  return openUrl([detail]);
}

/** Shows all that surrounds the cards: form, breadcrumb, navigation, notes. */
function showFrame(problems) {
  const { title } = PAGES.find(({ name }) => name === view.page);
  const { activeElement } = document;
  document.title = `${title} · I-94 arrivals`;
  byId("page-title").textContent = title;
  byId("period").textContent = [describePeriod(view), ...describeFilters(view)].join(" · ");
  byId("release").textContent = `Data as of ${format(release().data_as_of, "time")} · release ${release().version.slice(0, 8)}`;
  showLikelyCodes();
  fillForm(view);
  showBreadcrumb(view);
  updateNavigation(view);
  if (!activeElement.isConnected) byId("page-title").focus(); // the link that was followed is gone
  showText(byId("message"), problems.length ? `This link was changed: ${problems.join(" ")}` : "");
  login.hidden = true;
}

/** Names the codes that likely stand for the chosen nationalities and are not chosen, with a link that adds them. */
function showLikelyCodes() {
  const chosen = view.filters.i94cit ?? [];
  const others = chosen.flatMap(listLikelyCodes).filter(({ code }) => !chosen.includes(code));
  const text = others.length ? `Not counted here: ${joinTexts(others.map(({ name }) => name))}. ` : "";
  showText(byId("likely"), text);
  const next = others.reduce((wider, { code }) => withFilter(wider, "i94cit", code), view);
  if (text) byId("likely").append(createElement("a", { href: urlOf(next) }, "Count them too"));
}

async function showCards(shown, number) {
  showText(byId("disclosure"), isExact() ? "" : `Counts are rounded to 5; 0 to 2 become 0 and are left out. Shares of fewer than ${CONFIG.min_base} visitors are withheld.`);
  const { activeElement } = document;
  const wasInside = content.contains(activeElement);
  const before = new Map(cards.map((card) => [card.name, card]));
  const isOpen = (name) => Boolean(before.get(name)?.section.querySelector(".card > details")?.open);
  cards = shown.map((card) => createCard({ ...card, isOpen: card.isOpen || isOpen(card.name) }, context, before.get(card.name)));
  for (const { view: drawn } of before.values()) if (!cards.some((card) => card.view === drawn)) drawn.current?.finalize();
  content.replaceChildren(createElement("div", { className: "cards" }, ...cards.map(({ section }) => section)));
  content.hidden = false;
  if (wasInside) (byId(activeElement.id) ?? byId("page-title")).focus(); // what was clicked may be gone
  byId("status").textContent = `${document.title}: ${byId("period").textContent}`;
  for (const card of cards) {
    if (number !== opening) return;
    if (!card.view.current) await card.draw();
  }
}

const context = {
  describe: () => byId("period").textContent,
  parts: () => [
    ...new Set([view.period.first, view.period.last]),
    ...Object.entries(view.filters).map(([column, values]) => `${column}=${values.join("+")}`),
  ],
  choose: (name, value) => open(withChoice(view, name, value)),
};

/** Adds a filter, as a click on a mark or on a row of a table does. */
const pick = (column) => (row) => open(withFilter(view, column, row.code));

function open(next) {
  history.pushState(null, "", urlOf(next));
  return openUrl();
}

function showProblem(problem) {
  content.hidden = true;
  login.hidden = problem.status !== 401;
  byId("status").textContent = "";
  showText(byId("message"), login.hidden ? (problem.detail ?? "The page has an error; the console has the details.") : LOGIN);
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = login.elements.key;
  const headers = { Authorization: `Bearer ${input.value.trim()}` };
  input.value = "";
  const response = await fetch("/session", { method: "POST", headers }).catch(() => null);
  forgetResponses();
  if (response?.ok) await openUrl();
  else showText(byId("message"), response ? (await response.json()).detail : "The server can't be reached.");
});

// links between views open without loading the page again
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='/']");
  const isPage = link && PAGES.some(({ path }) => path === new URL(link.href).pathname);
  if (!isPage || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const isOtherPage = new URL(link.href).pathname !== location.pathname;
  history.pushState(null, "", link.getAttribute("href"));
  openUrl();
  if (isOtherPage) scrollTo(0, 0);
});

byId("share").addEventListener("click", async ({ target }) => {
  if (!navigator.clipboard) return prompt("The link to this view", location.href); // a page by plain HTTP of another machine has none
  await navigator.clipboard.writeText(location.href);
  byId("status").textContent = "The link to this view was copied.";
  target.textContent = "Copied";
  return setTimeout(() => (target.textContent = "Copy link"), 2000);
});
byId("print").addEventListener("click", () => print());

let width = window.innerWidth;
let resizing = 0;
const drawAgain = () => cards.forEach((card) => card.draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);
window.addEventListener("resize", () => {
  if (window.innerWidth === width) return; // on a phone, bars change the height alone
  width = window.innerWidth;
  clearTimeout(resizing);
  resizing = setTimeout(drawAgain, 150);
});
window.addEventListener("popstate", () => openUrl());
byId("filters").addEventListener("focusin", fillLists, { once: true });

listenToForm(() => view, open);
openUrl();
