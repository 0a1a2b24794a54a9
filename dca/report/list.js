// The list: filters with live counts, a table that sorts, and the order that the reading view walks through.

const collator = new Intl.Collator(undefined, { numeric: true });
const chosen = { query: "", sort: null, down: false, facets: new Map() };

const NOTABLE = [
  "error",
  "staged_mistake",
  "injection",
  "recovery",
  "needless_check",
  "check",
  "filler",
  "key",
  "progress",
];
const ORDER = ["right", "partial", "wrong", "reviewed", "fallback", ...NOTABLE];

// Known values in the order in which they deserve a look, then the others by name.
function ranked(values) {
  const rank = (value) => (ORDER.includes(value) ? ORDER.indexOf(value) : ORDER.length);
  return [...values].sort((a, b) => rank(a) - rank(b) || collator.compare(a, b));
}

const GROUPS = [
  { key: "outcome", name: "Reward", of: (t) => [t.outcome] },
  { key: "review", name: "Review", of: (t) => [t.fallback ? "fallback" : "reviewed"] },
  { key: "finding", name: "Finding", of: (t) => [...t.kinds] },
  { key: "label", name: "Label", of: (t) => [...t.named.keys()] },
];

const COLUMNS = [
  { key: "id", name: "Transcript", value: (t) => t.id, cell: nameCell, first: "up" },
  { key: "reward", name: "Reward", value: (t) => t.reward, cell: rewardCell, num: true },
  {
    key: "steps",
    name: "Steps",
    value: (t) => t.texts.length,
    cell: (t) => [String(t.texts.length)],
    num: true,
    wide: true,
  },
  { key: "top", name: "Top credit", value: (t) => t.credits[t.top], cell: (t) => creditCell(t, t.top), num: true },
  {
    key: "low",
    name: "Lowest",
    value: (t) => t.credits[t.low],
    cell: (t) => creditCell(t, t.low),
    num: true,
    wide: true,
    first: "up",
  },
  {
    key: "needed",
    name: "Needed",
    value: (t) => (t.shortest.length ? t.needed / t.used : undefined),
    cell: neededCell,
    num: true,
  },
  { key: "labels", name: "Labels", cell: labelCell, wide: true },
  {
    key: "findings",
    name: "Findings",
    value: (t) => t.findings.length + (t.fallback ? 0.5 : 0),
    cell: findingCell,
    wide: true,
  },
];

function nameCell(t) {
  const link = el("a", { href: t.hash, class: "open" }, visible(t.id) || `(no id, row ${t.n + 1})`);
  return [link, el("span", { class: "excerpt", dir: "auto" }, visible(t.prompt.slice(0, 180))), strip(t)];
}

function rewardCell(t) {
  return [el("span", { class: `reward ${t.outcome}` }, plain(t.reward)), el("small", {}, t.outcome)];
}

function creditCell(t, k) {
  if (k === undefined) return ["–"];
  return [signed(t.credits[k], 3), el("small", {}, `step ${k}`)];
}

function neededCell(t) {
  if (!t.shortest.length) return ["–"];
  const bar = shape(
    "svg",
    { class: "share", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    shape("rect", { class: "track", width: 100, height: 6 }),
    shape("rect", { class: "ink", width: (100 * t.needed) / (t.used || 1), height: 6 }),
  );
  return [percent(t.needed, t.used), bar];
}

function labelCell(t) {
  const chips = ranked(t.named.keys())
    .slice(0, 4)
    .map((label) => chip(label, t.named.get(label) > 1 ? ` ${t.named.get(label)}` : ""));
  if (t.named.size > 4) chips.push(el("small", {}, `+${t.named.size - 4}`));
  return [el("span", { class: "chips" }, ...chips)];
}

function findingCell(t) {
  const chips = [...t.kinds].map((kind) => el("span", { class: "chip finding" }, words(kind)));
  if (t.fallback) chips.unshift(el("span", { class: "chip fallback", title: visible(t.fallback) }, "fallback"));
  return [el("span", { class: "chips" }, ...chips)];
}

function buildList(all) {
  const head = el("tr");
  for (const column of COLUMNS) head.append(headCell(column));
  const body = el("tbody");
  for (const t of all) {
    t.row = el(
      "tr",
      {},
      ...COLUMNS.map((column) =>
        el(
          column.key === "id" ? "th" : "td",
          { class: classes(column), scope: column.key === "id" ? "row" : null },
          ...column.cell(t),
        ),
      ),
    );
    t.row.addEventListener("click", (event) => {
      if (!event.target.closest("a") && String(getSelection()) === "") location.hash = t.hash;
    });
    body.append(t.row);
  }
  byId("rows").append(el("caption", { class: "sr" }, "Transcripts; the headings sort"), el("thead", {}, head), body);
  buildFilters(all);
  refresh();
}

function classes(column) {
  return [`c-${column.key}`, column.num && "num", column.wide && "wide"].filter(Boolean).join(" ");
}

function headCell(column) {
  if (!column.value) return el("th", { scope: "col", class: classes(column) }, column.name);
  const button = el("button", { type: "button" }, column.name, el("span", { class: "arrow", "aria-hidden": "true" }));
  column.head = el("th", { scope: "col", class: classes(column), "aria-sort": "none" }, button);
  button.addEventListener("click", () => sortBy(column));
  return column.head;
}

// First the way that says most, then the other way, then back to the order of the file.
function sortBy(column) {
  const first = column.first !== "up";
  if (chosen.sort !== column) [chosen.sort, chosen.down] = [column, first];
  else if (chosen.down === first) chosen.down = !first;
  else chosen.sort = null;
  for (const other of COLUMNS) {
    const on = other === chosen.sort;
    other.head?.setAttribute("aria-sort", on ? (chosen.down ? "descending" : "ascending") : "none");
  }
  refresh();
}

function compare(a, b) {
  const [x, y] = [chosen.sort.value(a), chosen.sort.value(b)];
  if (x === undefined || y === undefined) return (x === undefined) - (y === undefined) || a.n - b.n;
  const order = typeof x === "string" ? collator.compare(x, y) : x - y;
  return (chosen.down ? -order : order) || a.n - b.n;
}

function buildFilters(all) {
  const search = el("input", {
    type: "search",
    id: "search",
    placeholder: 'Search words or a "phrase"',
    title: "In texts, prompts, reasons, evidence and ids",
    "aria-label": "Search",
    autocomplete: "off",
    spellcheck: "false",
  });
  search.addEventListener("input", () => {
    chosen.query = search.value;
    refresh();
  });
  const line = el(
    "div",
    { class: "line" },
    search,
    el("output", { id: "shown", for: "search" }),
    el("button", { type: "button", class: "clear", id: "clear", hidden: true }, "Clear"),
  );
  byId("filters").append(line);
  for (const group of GROUPS) {
    group.chips = new Map();
    chosen.facets.set(group, new Set());
    const values = ranked(new Set(all.flatMap(group.of)));
    if (values.length < (group.key === "label" || group.key === "finding" ? 1 : 2)) continue;
    byId("filters").append(
      el(
        "div",
        { class: "facet", role: "group", "aria-label": group.name },
        el("span", { class: "facet-name", "aria-hidden": "true" }, group.name),
        ...values.map((value) => facet(group, value)),
      ),
    );
  }
  for (const button of document.querySelectorAll(".clear")) button.addEventListener("click", clearFilters);
}

function facet(group, value) {
  const count = el("span", { class: "count" });
  const button = el(
    "button",
    { type: "button", class: "pick", "aria-pressed": "false", "data-facet": `${group.key}:${value}` },
    words(value),
    " ",
    count,
  );
  button.addEventListener("click", () => {
    const picked = chosen.facets.get(group);
    if (!picked.delete(value)) picked.add(value);
    refresh();
  });
  group.chips.set(value, { button, count });
  return button;
}

function clearFilters() {
  chosen.query = "";
  byId("search").value = "";
  for (const picked of chosen.facets.values()) picked.clear();
  refresh();
}

function filtering() {
  return chosen.query.trim() !== "" || [...chosen.facets.values()].some((picked) => picked.size);
}

// Words, and phrases in quotation marks.
function terms() {
  return [...chosen.query.toLowerCase().matchAll(/"([^"]+)"|[^\s"]+/g)].map((match) => match[1] ?? match[0]);
}

function haystack(t) {
  t.hay ??= [
    t.id,
    t.prompt,
    ...t.texts,
    ...Object.values(t.reasons),
    t.fallback ?? "",
    ...t.findings.flatMap((f) => f.evidence ?? []),
  ]
    .join("\n")
    .toLowerCase();
  return t.hay;
}

// Values of one group widen the choice, groups narrow it; a chip counts what choosing it alone in its group would show.
function refresh() {
  const wanted = terms();
  const found = state.all.filter((t) => wanted.every((term) => haystack(t).includes(term)));
  const fits = (t, group) =>
    !chosen.facets.get(group).size || group.of(t).some((value) => chosen.facets.get(group).has(value));
  for (const group of GROUPS) {
    const pool = found.filter((t) => GROUPS.every((other) => other === group || fits(t, other)));
    for (const [value, { button, count }] of group.chips) {
      const number = pool.filter((t) => group.of(t).includes(value)).length;
      const on = chosen.facets.get(group).has(value);
      count.textContent = number;
      button.setAttribute("aria-pressed", on);
      button.classList.toggle("none", number === 0 && !on);
    }
  }
  state.order = found.filter((t) => GROUPS.every((group) => fits(t, group)));
  if (chosen.sort) state.order.sort(compare);
  showRows();
}

function showRows() {
  const shown = new Set(state.order);
  for (const t of state.all) t.row.hidden = !shown.has(t);
  byId("rows").tBodies[0].append(...state.order.map((t) => t.row));
  byId("shown").textContent = filtering()
    ? `${state.order.length.toLocaleString("en")} of ${counted(state.all.length, "transcript")}`
    : counted(state.all.length, "transcript");
  byId("clear").hidden = !filtering();
  byId("nothing").hidden = state.order.length > 0 || !state.all.length;
  byId("rows").hidden = !state.order.length;
}
