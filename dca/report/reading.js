// One transcript to read: its steps tinted by z, and beside them the shortest path and what was found.

const CLAMP = 6000;

function readingView(t) {
  const prompt = el(
    "details",
    { class: "prompt", open: t.prompt.length < 700 },
    el("summary", {}, "Prompt ", el("small", {}, counted(t.prompt.length, "character"))),
    written(el("div", { class: "text", dir: "auto" }), t.prompt),
  );
  const name = el(
    "h2",
    { id: "reading-name", tabindex: "-1", dir: "auto" },
    visible(t.id) || `(no id, row ${t.n + 1})`,
  );
  const map = el("div", { class: "map" }, strip(t, { class: "strip big" }));
  const parts = [headline(t, name), fallbackNote(t), map, prompt];
  const aside = el(
    "aside",
    { "aria-label": "Findings, shortest path and ledger" },
    findings(t),
    shortestPath(t),
    ledger(t),
  );
  const steps = el("ol", { class: "steps", "aria-label": "Steps" }, ...t.texts.map((_, k) => step(t, k)));
  return [
    ...parts.filter(Boolean),
    el("div", { class: "beside" }, aside, el("div", { class: "column" }, stepsHead(t), steps)),
  ];
}

function headline(t, name) {
  return el(
    "header",
    { class: "headline" },
    name,
    el("span", { class: `reward ${t.outcome}` }, `reward ${plain(t.reward)}`, el("small", {}, t.outcome)),
    el(
      "span",
      { class: "muted" },
      `${visible(t.judge)} · ${counted(t.texts.length, "step")} · ${counted(t.used, "character")}`,
    ),
  );
}

function stepsHead(t) {
  const scale = ["n4", "n3", "n2", "n1", "0", "p1", "p2", "p3", "p4"].map((name) => el("i", { class: `h-${name}` }));
  return el(
    "p",
    { class: "steps-head", "aria-hidden": "true" },
    el("span", {}, t.z.length ? "step, z, credit" : "step, credit"),
    el("span", { class: "legend" }, "pushed down", ...scale, "up"),
  );
}

function fallbackNote(t) {
  if (!t.fallback) return null;
  return el(
    "p",
    { class: "notice" },
    el("strong", {}, "Not reviewed. "),
    "Every token got the same share (plain GRPO): ",
    el("span", { dir: "auto" }, visible(t.fallback)),
  );
}

function step(t, k) {
  const tint = look(t, k);
  const item = el("li", { class: `step h-${tint}`, id: `step-${k}`, tabindex: "-1" });
  if (!t.need.has(k)) item.classList.add("spare");
  const text = written(el("div", { class: "text", dir: "auto" }), t.texts[k]);
  item.append(gutter(t, k, tint), el("div", { class: "body" }, marks(t, k, tint), text, said(t, k)));
  if (t.texts[k].length > CLAMP) clamp(item, text, t.texts[k].length);
  return item;
}

function gutter(t, k, tint) {
  const known = t.z[k] !== undefined && tint !== "env" && tint !== "neutral";
  const value = known ? signed(t.z[k]) : tint === "neutral" ? "neutral" : tint === "env" ? "–" : "";
  return el(
    "div",
    { class: "gutter" },
    el("span", { class: "index" }, String(k)),
    el(
      "span",
      { class: known ? "z" : "z word", title: known ? `z; the reviewer's score was ${plain(t.scores[k])}` : null },
      value,
    ),
    tint === "env" ? null : el("span", { class: "credit", title: "credit" }, signed(t.credits[k], 3)),
  );
}

function marks(t, k, tint) {
  const chips = [];
  if (t.authors[k] !== undefined) chips.push(el("span", { class: "chip author" }, words(t.authors[k])));
  if (t.labels[k] !== undefined) chips.push(chip(t.labels[k]));
  if (tint === "neutral" && t.labels[k] === undefined)
    chips.push(el("span", { class: "chip l-check" }, "verification"));
  if (t.need.has(k)) chips.push(el("span", { class: "chip needed" }, "needed"));
  for (const finding of t.findings.filter((f) => f.steps.includes(k)))
    chips.push(el("span", { class: "chip finding" }, `flagged: ${words(finding.kind)}`));
  return chips.length ? el("div", { class: "chips" }, ...chips) : null;
}

const VERBS = { check: "checks", needless_check: "checks", recovery: "repairs" };

function said(t, k) {
  const [reason, of] = [t.reasons[k], t.of[k]];
  if (reason === undefined && of === undefined) return null;
  const line = el("p", { class: "reason" });
  if (reason !== undefined) line.append(el("span", { dir: "auto" }, visible(reason)));
  if (of !== undefined) line.append(" ", stepLink(t, of, `${VERBS[t.labels[k]] ?? "refers to"} step ${of}`));
  return line;
}

function stepLink(t, k, text) {
  return el("a", { href: `${t.hash}&s=${k}`, class: "jump" }, text);
}

function clamp(item, text, length) {
  const more = el("button", { type: "button", class: "more" }, `Show all ${length.toLocaleString("en")} characters`);
  text.classList.add("clamped");
  more.addEventListener("click", () => {
    text.classList.remove("clamped");
    more.remove();
    item.focus();
  });
  item.querySelector(".body").append(more);
}

function findings(t) {
  if (!t.findings.length) return null;
  const items = t.findings.map((finding) =>
    el(
      "li",
      {},
      el("strong", {}, words(finding.kind)),
      " in ",
      ...finding.steps.flatMap((k, n) => [n ? ", " : "", stepLink(t, k, `step ${k}`)]),
      el("small", {}, ` ${percent(finding.confidence, 1)} sure`),
      el("ul", {}, ...(finding.evidence ?? []).map((line) => el("li", { dir: "auto" }, visible(line)))),
    ),
  );
  return el(
    "section",
    { class: "card found" },
    el("h3", {}, counted(items.length, "finding")),
    el("ul", {}, ...items),
  );
}

function shortestPath(t) {
  const card = el("section", { class: "card path" }, el("h3", {}, "How could I have thought that faster?"));
  if (!t.shortest.length) {
    card.append(el("p", { class: "muted" }, "The review names no shortest path."));
    return card;
  }
  const bar = shape(
    "svg",
    { class: "share", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    shape("rect", { class: "track", width: 100, height: 6 }),
    shape("rect", { class: "ink", width: (100 * t.needed) / (t.used || 1), height: 6 }),
  );
  card.append(el("p", { class: "headnum" }, el("strong", {}, percent(t.needed, t.used)), ` ${ofWritten(t)}`), bar);
  const list = el(
    "ol",
    { class: "needed-steps" },
    ...t.shortest.map((k) =>
      el("li", {}, stepLink(t, k, String(k)), written(el("div", { class: "text", dir: "auto" }), t.texts[k])),
    ),
  );
  const narrow = matchMedia("(max-width: 60rem)").matches;
  card.append(el("details", { open: !narrow }, el("summary", {}, "Only the steps needed"), list), folder());
  return card;
}

function ofWritten(t) {
  return `of what was written: ${t.needed.toLocaleString("en")} of ${counted(t.used, "character")}, ${t.shortest.length} of ${counted(t.texts.length, "step")}`;
}

function folder() {
  const button = el(
    "button",
    { type: "button", id: "fold", "aria-pressed": String(state.folded) },
    "Fold away the rest ",
    el("kbd", {}, "s"),
  );
  button.addEventListener("click", toggleFold);
  return button;
}

function toggleFold() {
  state.folded = !state.folded;
  byId("reading").classList.toggle("folded", state.folded);
  byId("fold")?.setAttribute("aria-pressed", String(state.folded));
}

function ledger(t) {
  return el(
    "section",
    { class: t.balanced ? "card ledger" : "card ledger broken" },
    el("h3", {}, "Ledger"),
    el("p", {}, balance(t)),
  );
}

function balance(t) {
  const told = `${plain(t.earned)} to the steps${t.unassigned ? ` and ${plain(t.unassigned)} to nobody` : ""}`;
  return t.balanced
    ? `${told} = reward ${plain(t.reward)}`
    : `Does not balance: ${told}, but the reward is ${plain(t.reward)}`;
}
