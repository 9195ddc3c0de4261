// Slack's mrkdwn as nodes. What people typed can only become text: no HTML is ever parsed.

import { EMOJI } from "./emoji.js";
import { h } from "./dom.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const plainly = (text) => text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);

/** Emoji names in plain text. */
export const emojis = (text) => text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);

/** `world`: people and groups by id, channels by id, the reader's locale and time zone. */
export function mrkdwn(text, world) {
  const parts = text.split(/```\n?([\s\S]+?)```/);
  return parts.flatMap((part, number) => (number % 2 ? codeBlock(part, world) : lines(part, world)));
}

function codeBlock(text, world) {
  return h("pre", {}, h("code", {}, tokens(text, world).map((one) => one.text ?? one.node.textContent)));
}

function lines(text, world) {
  const shown = [];
  let quote = null;
  const all = text.replace(/^\n|\n$/g, "").split("\n");
  if (all.length === 1 && !all[0]) return [];
  for (const line of all) {
    const quoted = /^(?:&gt;|>) ?/.exec(line);
    if (quoted) {
      if (!quote) shown.push((quote = h("blockquote")));
      quote.append(h("div", { class: "line" }, inline(line.slice(quoted[0].length), world)));
    } else {
      quote = null;
      shown.push(h("div", { class: "line" }, line ? inline(line, world) : h("br")));
    }
  }
  return shown;
}

// `code` first, for nothing in it is markup; then <…>; then *bold*, _italic_ and ~strike~.
function inline(text, world) {
  return text.split(/(`[^`\n]+`)/).flatMap((part, number) => {
    if (number % 2)
      return h("code", {}, tokens(part.slice(1, -1), world).map((one) => one.text ?? one.node.textContent));
    return styled(tokens(part, world));
  });
}

/** Splits at <…>: {text} is still escaped and may hold style marks, {node} is done. */
function tokens(text, world) {
  return text
    .split(/(<[^<>\n]+>)/)
    .map((part, number) => (number % 2 ? { node: reference(part.slice(1, -1), world) } : { text: plainly(part) }))
    .filter((one) => one.node || one.text);
}

const STYLES = { "*": "strong", _: "em", "~": "s" };
const MARK = /(^|[^\p{L}\p{N}])([*_~])(?=\S)/u;

// Works on a list of texts and nodes, so that *<@U1> and others* is bold as a whole.
function styled(parts) {
  for (let at = 0; at < parts.length; at++) {
    const text = parts[at].text;
    const open = text === undefined ? null : MARK.exec(text);
    if (!open) continue;
    const from = open.index + open[1].length;
    const close = closing(parts, at, from + 1, open[2]);
    if (!close) {
      const rest = text.slice(from + 1);
      const head = emojis(text.slice(0, from + 1));
      return [...parts.slice(0, at).map(finished), head, ...styled([{ text: rest }, ...parts.slice(at + 1)])];
    }
    const inside = slice(parts, at, from + 1, close.at, close.index);
    const behind = [{ text: parts[close.at].text.slice(close.index + 1) }, ...parts.slice(close.at + 1)];
    const before = [...parts.slice(0, at).map(finished), emojis(text.slice(0, from))];
    return [...before, h(STYLES[open[2]], {}, styled(inside)), ...styled(behind)];
  }
  return parts.map(finished);
}

const finished = (part) => part.node ?? emojis(part.text);

function closing(parts, at, start, mark) {
  for (let i = at; i < parts.length; i++) {
    const text = parts[i].text;
    if (text === undefined) continue;
    for (let j = text.indexOf(mark, i === at ? start : 0); j >= 0; j = text.indexOf(mark, j + 1)) {
      const before = j ? text[j - 1] : i === at ? " " : "x";
      const after = text[j + 1] ?? " ";
      if (/\S/.test(before) && !/[\p{L}\p{N}]/u.test(after) && !(i === at && j < start)) return { at: i, index: j };
    }
  }
  return null;
}

function slice(parts, at, from, endAt, endIndex) {
  if (at === endAt) return [{ text: parts[at].text.slice(from, endIndex) }];
  const first = { text: parts[at].text.slice(from) };
  return [first, ...parts.slice(at + 1, endAt), { text: parts[endAt].text.slice(0, endIndex) }];
}

function reference(inside, world) {
  const [target, ...labels] = inside.split("|");
  const label = plainly(labels.join("|"));
  if (target.startsWith("@")) return mention(`@${world.people[target.slice(1)]?.real_name ?? label ?? target.slice(1)}`);
  if (target.startsWith("#")) return mention(`#${world.channels[target.slice(1)] ?? (label || target.slice(1))}`);
  if (target.startsWith("!subteam^")) return mention(`@${world.groups[target.slice(9)] ?? label}`);
  if (target.startsWith("!date^")) return moment(target, label, world);
  if (target.startsWith("!")) return mention(`@${label || target.slice(1)}`);
  return link(plainly(target), label);
}

const mention = (text) => h("span", { class: "mention" }, text);

function link(address, label) {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return document.createTextNode(label || address);
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, label || address);
}

/** <!date^1796482740^{date_long} at {time}|fallback>, in the reader's zone and words. */
function moment(target, fallback, world) {
  const [, seconds, pattern] = target.split("^");
  const date = new Date(Number(seconds) * 1000);
  if (!pattern || Number.isNaN(date.getTime())) return document.createTextNode(fallback);
  const shown = plainly(pattern).replace(/{(\w+)}/g, (whole, token) => part(date, token, world) ?? whole);
  return h("time", { datetime: date.toISOString(), title: fallback }, shown);
}

const FORMATS = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date: { year: "numeric", month: "long", day: "numeric" },
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  time: { hour: "numeric", minute: "2-digit" },
  time_secs: { hour: "numeric", minute: "2-digit", second: "2-digit" },
};

function part(date, token, world) {
  const format = FORMATS[token.replace(/_pretty$/, "")];
  return format && new Intl.DateTimeFormat(world.locale, { ...format, timeZone: world.tz }).format(date);
}

/** A text object of Block Kit. */
export function textObject(text, world) {
  return text.type === "mrkdwn" ? mrkdwn(text.text, world) : emojis(text.text);
}
