// One transcript on paper: words in place of colours, and few nodes in plain blocks, since printing a page of nested
// grids takes a browser time that grows with the square of its length.

function sheet(t) {
  const parts = [headline(t, el("h2", { dir: "auto" }, visible(t.id) || `(no id, row ${t.n + 1})`)), fallbackNote(t)];
  parts.push(
    written(el("div", { class: "text prompt", dir: "auto" }), t.prompt),
    el("p", { class: "facts" }, facts(t)),
  );
  parts.push(...t.findings.map((f) => el("p", { class: "facts", dir: "auto" }, found(f))));
  parts.push(el("ol", { class: "printed" }, ...t.texts.map((_, k) => printedStep(t, k))));
  return el("article", { class: "sheet" }, ...parts.filter(Boolean));
}

function facts(t) {
  const path = t.shortest.length
    ? `Needed: steps ${t.shortest.join(", ")}; ${percent(t.needed, t.used)} ${ofWritten(t)}.`
    : "The review names no shortest path.";
  return `${path} Ledger: ${balance(t)}.`;
}

function found(finding) {
  const evidence = (finding.evidence ?? []).map(visible).join("; ");
  return `Finding: ${words(finding.kind)} in step${finding.steps.length > 1 ? "s" : ""} ${finding.steps.join(", ")}, ${percent(finding.confidence, 1)} sure. ${evidence}`;
}

function printedStep(t, k) {
  const tint = look(t, k);
  const parts = [
    `${k}`,
    tint === "neutral" ? "neutral" : t.z[k] !== undefined && tint !== "env" ? `z ${signed(t.z[k])}` : "",
  ];
  if (tint === "env") parts.push(words(t.authors[k]));
  else parts.push(`credit ${signed(t.credits[k], 3)}`);
  parts.push(t.labels[k] === undefined ? "" : words(t.labels[k]), t.need.has(k) ? "needed" : "");
  for (const finding of t.findings.filter((f) => f.steps.includes(k))) parts.push(`flagged: ${words(finding.kind)}`);
  const link = t.of[k] === undefined ? "" : `${VERBS[t.labels[k]] ?? "refers to"} step ${t.of[k]}`;
  const why = [visible(t.reasons[k] ?? ""), link].filter(Boolean).join("; ");
  return el(
    "li",
    { class: `on-paper h-${tint}` },
    el("b", { class: "num" }, parts.filter(Boolean).join("   ")),
    written(el("div", { class: "text", dir: "auto" }), t.texts[k]),
    why ? el("i", { dir: "auto" }, why) : null,
  );
}
