// The page as a whole: what is open (the address says it), the keys, the theme, and print.

const state = { all: [], order: [], open: null, folded: false, scroll: 0 };

function byId(id) {
  return document.getElementById(id);
}

// Numbers back to strings, lists to sets, and what the table and the reading view both ask for.
function prepared({ strings, transcripts }) {
  const told = (column) => Object.fromEntries(Object.entries(column ?? {}).map(([k, at]) => [k, strings[at]]));
  const uses = new Map();
  for (const t of transcripts) uses.set(t.id, (uses.get(t.id) ?? 0) + 1);
  return transcripts.map((row, n) => {
    const t = { texts: [], credits: [], scores: [], z: [], heat: [], of: {}, findings: [], shortest: [], ...row, n };
    Object.assign(t, {
      prompt: strings[row.prompt],
      judge: strings[row.judge],
      labels: told(row.labels),
      reasons: told(row.reasons),
      authors: told(row.authors),
    });
    Object.assign(t, {
      neutral: new Set(row.neutral),
      need: new Set(row.shortest),
      kinds: new Set(t.findings.map((f) => f.kind)),
      named: new Map(),
    });
    for (const label of Object.values(t.labels)) t.named.set(label, (t.named.get(label) ?? 0) + 1);
    const own = t.credits.map((_, k) => k).filter((k) => t.authors[k] === undefined);
    t.top = own.reduce((best, k) => (best === undefined || t.credits[k] > t.credits[best] ? k : best), undefined);
    t.low = own.reduce((best, k) => (best === undefined || t.credits[k] < t.credits[best] ? k : best), undefined);
    t.hash = address(t, uses.get(t.id) === 1);
    return t;
  });
}

// An id names its transcript where it can; an empty, repeated or unpaired-surrogate one cannot, so its row does.
function address(t, unique) {
  const usable = t.id !== "" && unique && t.id === t.id.replace(LONE, "");
  return usable ? `#t=${encodeURIComponent(t.id)}` : `#row=${t.n + 1}`;
}

function route() {
  const [main, ...rest] = location.hash.split("&");
  if (main === "#main") return;
  const wanted = decoded(main);
  const t = state.all.find((one) => one.hash === main || decoded(one.hash) === wanted);
  if (!t)
    return closeReading(/^#(t|row)=/.test(main) ? `There is no transcript ${wanted.replace(/^#\w+=/, "")}` : "");
  if (state.open !== t) openReading(t);
  const step = rest.find((part) => part.startsWith("s="));
  if (step) jump(Number(step.slice(2)));
}

function decoded(hash) {
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}

function openReading(t) {
  if (!state.open) state.scroll = scrollY;
  state.open = t;
  const article = byId("reading");
  article.replaceChildren(readingBar(t), ...readingView(t));
  article.classList.toggle("folded", state.folded);
  show(true);
  article.querySelector(".strip.big").addEventListener("click", (event) => jump(stepAt(t, event)));
  scrollTo(0, 0);
  byId("reading-name").focus({ preventScroll: true });
  document.title = `${visible(t.id)} · ${state.title}`;
  highlight(article, terms());
}

function closeReading(message) {
  const last = state.open;
  state.open = null;
  document.title = state.title;
  byId("said").textContent = message;
  if (!last) return;
  byId("reading").replaceChildren();
  show(false);
  scrollTo(0, state.scroll);
  last.row.querySelector("a").focus({ preventScroll: true });
}

function show(reading) {
  byId("reading").hidden = !reading;
  byId("list").hidden = reading;
  byId("overview").hidden = reading;
  document.body.classList.toggle("is-reading", reading);
}

function readingBar(t) {
  const at = state.order.indexOf(t);
  const move = (by, sign, name) => {
    const button = el("button", { type: "button", "aria-label": name, disabled: !neighbour(by) }, sign);
    button.addEventListener("click", () => walk(by));
    return button;
  };
  return el(
    "nav",
    { class: "readbar", "aria-label": "Between transcripts" },
    el("a", { href: "#all", class: "back" }, "← All transcripts"),
    el(
      "span",
      { class: "muted num" },
      at < 0 ? "" : `${at + 1} of ${state.order.length.toLocaleString("en")}${filtering() ? " filtered" : ""}`,
    ),
    move(-1, "‹", "Previous transcript"),
    move(1, "›", "Next transcript"),
  );
}

function neighbour(by) {
  const at = state.order.indexOf(state.open);
  return at < 0 ? state.order[0] : state.order[at + by];
}

function walk(by) {
  const next = state.open ? neighbour(by) : null;
  if (next) {
    location.replace(next.hash);
    route(); // at once, for keys that come faster than the event
  }
  if (!state.open) stepRow(by);
}

// In the list the same keys move the focus from row to row.
function stepRow(by) {
  const at = state.order.findIndex((t) => t.row.contains(document.activeElement));
  const next = state.order[at < 0 ? (by > 0 ? 0 : state.order.length - 1) : at + by];
  next?.row.querySelector("a").focus();
  next?.row.scrollIntoView({ block: "nearest" });
}

function jump(k) {
  const step = byId(`step-${k}`);
  if (!step) return;
  step.scrollIntoView({
    block: "center",
    behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
  });
  step.focus({ preventScroll: true });
}

function stepAt(t, event) {
  const box = event.currentTarget.getBoundingClientRect();
  let left =
    ((event.clientX - box.left) / box.width) * t.texts.reduce((sum, text) => sum + Math.max(1, text.length), 0);
  return t.texts.findIndex((text) => (left -= Math.max(1, text.length)) <= 0);
}

function stepBy(by) {
  const steps = [...document.querySelectorAll("#reading .step")];
  const held = document.activeElement?.closest(".step");
  const at = held
    ? steps.indexOf(held) + by
    : steps.findIndex((one) => one.getBoundingClientRect().bottom > innerHeight * 0.25);
  jump(Math.min(steps.length - 1, Math.max(0, at)));
}

// Marks the search terms where the browser can, without touching the text.
function highlight(root, wanted) {
  if (!CSS.highlights) return;
  CSS.highlights.delete("found");
  if (!wanted.length) return;
  const ranges = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && ranges.length < 2000; node = walker.nextNode()) {
    const low = node.data.toLowerCase();
    if (low.length !== node.data.length) continue;
    for (const term of wanted) {
      for (let at = low.indexOf(term); at >= 0; at = low.indexOf(term, at + term.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + term.length);
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}

function escape() {
  if (document.activeElement === byId("search")) byId("search").blur();
  else if (state.open) location.hash = "#all";
  else if (filtering()) clearFilters();
}

const KEYS = {
  j: () => walk(1),
  ArrowRight: () => state.open && walk(1),
  k: () => walk(-1),
  ArrowLeft: () => state.open && walk(-1),
  n: () => state.open && stepBy(1),
  p: () => state.open && stepBy(-1),
  s: () => state.open && toggleFold(),
  "/": searching,
  "?": () => byId("keys").showModal(),
  Escape: escape,
};

function searching() {
  if (state.open) location.hash = "#all";
  closeReading("");
  byId("search").focus();
  byId("search").select();
}

function pressed(event) {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open || (typing && event.key !== "Escape"))
    return;
  const inRows = event.target.closest?.("#rows tbody") && { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const act = inRows ? () => stepRow(inRows) : Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
  if (!act || (event.key.startsWith("Arrow") && !inRows && !state.open)) return;
  event.preventDefault();
  act();
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

// What prints must be in the page: the open transcript, or all that the list shows.
function layOut() {
  byId("print").replaceChildren(...(state.open ? [state.open] : state.order).map(sheet));
  byId("reasons")?.setAttribute("open", "");
}

function start() {
  state.title = document.title;
  state.all = prepared(JSON.parse(byId("data").textContent));
  if (state.all.length) buildList(state.all);
  else
    byId("list").replaceChildren(el("p", { class: "empty" }, "No transcripts here: the file had no reviewed rows."));
  addEventListener("hashchange", route);
  addEventListener("keydown", pressed);
  addEventListener("beforeprint", layOut);
  addEventListener("afterprint", () => byId("print").replaceChildren());
  byId("theme").addEventListener("click", switchTheme);
  byId("help").addEventListener("click", KEYS["?"]);
  byId("keys")
    .querySelector(".close")
    .addEventListener("click", () => byId("keys").close());
  route();
}

start();
