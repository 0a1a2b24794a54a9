// The only file that makes nodes. Whatever a transcript says becomes a text node, never markup, and never acts:
// control, override and invisible characters are spelled out, as dca/report/visible.py does for the terminal.

const HIDDEN =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu;
const LONE = /\p{Cs}/gu;
const FENCE = /^```[^\n]*\n[^]*?^```[^\n]*$/gm;

function spelled(char) {
  return `⟨U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

function tidy(text) {
  return text.replace(/\r\n/g, "\n").replace(LONE, "\ufffd");
}

function visible(text) {
  return tidy(text).replace(HIDDEN, spelled);
}

// A node with attributes and children; strings become text nodes. Attribute names come from this script alone.
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function shape(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Text as its author wrote it, less the white space around it: hidden characters as marks, fenced code in code type.
function written(node, text) {
  const clean = tidy(text).replace(/^\s*\n|\s+$/g, "");
  if (!clean) node.append(el("span", { class: "muted" }, "(blank)"));
  let last = 0;
  for (const match of clean.matchAll(FENCE)) {
    spell(node, clean.slice(last, match.index));
    spell(node.appendChild(el("code")), match[0]);
    last = match.index + match[0].length;
  }
  spell(node, clean.slice(last));
  return node;
}

function spell(node, text) {
  let last = 0;
  for (const match of text.matchAll(HIDDEN)) {
    node.append(
      text.slice(last, match.index),
      el("span", { class: "odd", title: "a hidden character" }, spelled(match[0])),
    );
    last = match.index + match[0].length;
  }
  if (last < text.length) node.append(text.slice(last));
}

function signed(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? "−" : "+") + text;
}

function plain(value) {
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

function percent(part, whole) {
  return whole ? `${Math.round((100 * part) / whole)} %` : "–";
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function words(label) {
  return visible(label).replaceAll("_", " ");
}

function chip(label, extra = "") {
  const known = /^[a-z_]+$/.test(label) ? label : "other";
  return el("span", { class: `chip l-${known}` }, words(label) + extra);
}

// A transcript at a glance: one block a step, as wide as its text, tinted by z; a line under what was needed.
function strip(transcript, attributes = {}) {
  const sizes = transcript.texts.map((text) => Math.max(1, text.length));
  const unit = 1000 / sizes.reduce((sum, size) => sum + size, 0);
  const paths = new Map();
  const needed = new Set(transcript.shortest);
  let left = 0;
  sizes.forEach((size, k) => {
    const width = size * unit;
    const block = `M${left.toFixed(1)} `;
    const across = `h${Math.max(0.8, width - Math.min(3, width / 4)).toFixed(1)}`;
    const add = (name, top, height) =>
      paths.set(name, `${paths.get(name) ?? ""}${block}${top}${across}v${height}H${left.toFixed(1)}z`);
    const neutral = transcript.neutral.has(k);
    add(`s-${look(transcript, k)}`, neutral ? 3 : 0, neutral ? 4 : 10);
    if (needed.has(k)) add("s-needed", 12, 2);
    left += width;
  });
  const blocks = [...paths].map(([name, d]) => shape("path", { class: name, d }));
  return shape(
    "svg",
    { class: "strip", viewBox: "0 0 1000 14", preserveAspectRatio: "none", "aria-hidden": "true", ...attributes },
    ...blocks,
  );
}

// The class suffix of a step's tint: n4 to p4, 0, or env, neutral, none where there is no z to show.
function look(transcript, k) {
  if (transcript.authors[k] !== undefined) return "env";
  if (transcript.fallback) return "none";
  if (transcript.neutral.has(k)) return "neutral";
  const heat = transcript.heat[k];
  return heat === 0 ? "0" : `${heat > 0 ? "p" : "n"}${Math.abs(heat)}`;
}
