// Messages of a channel or a thread, with their files, threads and what only this person sees.

import { fileUrl } from "./api.js";
import { showBlocks } from "./blocks.js";
import { h, patch } from "./dom.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./mrkdwn.js";
import { _, _n } from "./words.js";

const NEAR = 120; // pixels from the bottom that still count as being at the bottom

/** The messages of a channel that are not hidden in a thread, with the person's own, oldest first. */
export function timeline(screen, channelId) {
  const channel = screen.channels.find((one) => one.id === channelId);
  const open = channel.messages.filter(
    (one) => !one.thread_ts || one.thread_ts === one.ts || one.subtype === "thread_broadcast");
  const mine = screen.ephemeral.filter((one) => one.channel === channelId);
  return [...open, ...mine].sort((a, b) => Number(a.ts) - Number(b.ts));
}

export function thread(screen, channelId, ts) {
  const channel = screen.channels.find((one) => one.id === channelId);
  return channel.messages.filter((one) => one.ts === ts || one.thread_ts === ts);
}

/** Draws them into `list` with a line at each new day; stays at the bottom when it was there. */
export function showMessages(list, messages, app, { inThread = false, fresh = false } = {}) {
  const world = app.world();
  const follows = following(list);
  follows.bottom ||= fresh;
  patch(list, withDays(messages, world), {
    key: (one) => one.day ?? one.ts,
    salt: app.salt(),
    draw: (one) => (one.day ? dayLine(one.day) : message(one, app, world, inThread)),
  });
  follows.down();
}

const lists = new WeakMap();

// Whoever scrolls up is left where they are; whoever was at the bottom stays there, also when it gets narrower.
function following(list) {
  if (lists.has(list)) return lists.get(list);
  const one = { bottom: true, down: () => one.bottom && (list.scrollTop = list.scrollHeight) };
  list.addEventListener("scroll", () => (one.bottom = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR));
  new ResizeObserver(one.down).observe(list);
  lists.set(list, one);
  return one;
}

function withDays(messages, world) {
  const format = new Intl.DateTimeFormat(world.locale, { dateStyle: "full", timeZone: world.tz });
  let last = "";
  return messages.flatMap((one) => {
    const day = format.format(Number(one.ts) * 1000);
    const shown = day === last ? [one] : [{ day }, one];
    last = day;
    return shown;
  });
}

const dayLine = (day) => h("div", { class: "day", role: "separator" }, h("span", {}, day));

function message(one, app, world, inThread) {
  const sender = world.people[one.user] ?? { id: one.user, real_name: one.user, is_bot: false };
  const time = new Intl.DateTimeFormat(world.locale, { timeStyle: "short", timeZone: world.tz });
  const body = h("div", { class: "message-blocks" });
  if (one.blocks) showBlocks(body, one.blocks, app.messageContext(one), app.salt());
  else body.append(h("div", { class: "text" }, mrkdwn(one.text ?? "", world)));
  return h("article", { class: `message${one.is_ephemeral ? " only-me" : ""}`, "data-ts": one.ts },
    avatar(sender),
    h("div", { class: "message-body" },
      one.is_ephemeral && onlyMe(one, app),
      !inThread && one.subtype === "thread_broadcast" && h("div", { class: "note" }, icon("thread"),
        h("button", { type: "button", class: "link", onclick: () => app.openThread(one.thread_ts) }, _("replied to a thread"))),
      h("div", { class: "message-head" },
        h("strong", {}, sender.real_name), sender.is_bot && h("span", { class: "badge" }, _("APP")),
        h("time", { class: "faint" }, time.format(Number(one.ts) * 1000)),
        one.edited && h("span", { class: "faint" }, _("(edited)"))),
      body,
      one.files && h("div", { class: "files" }, one.files.map((file) => fileCard(file, app))),
      !inThread && one.reply_count && h("button", { type: "button", class: "replies", onclick: () => app.openThread(one.ts) },
        icon("thread"), _n("{n} reply", "{n} replies", one.reply_count))));
}

export function avatar(person) {
  const tint = [...person.id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 6;
  return h("span", { class: `avatar ${person.is_bot ? "app" : `tint${tint}`}`, "aria-hidden": "true" },
    person.is_bot ? icon("server") : initials(person.real_name));
}

const initials = (name) => name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("");

function onlyMe(one, app) {
  return h("div", { class: "note" }, icon("eye"), _("Only visible to you"), " · ",
    h("button", { type: "button", class: "link", onclick: () => app.act("dismiss", { ts: one.ts }) }, _("Dismiss")));
}

function fileCard(file, app) {
  if (file.mode === "tombstone") return h("div", { class: "file faint" }, icon("file"), _("This file was deleted."));
  const card = h("a", { class: "file", href: fileUrl(app.user, file), download: file.name },
    icon("file"),
    h("span", { class: "file-name" }, h("strong", {}, file.title || file.name),
      h("span", { class: "faint" }, _("{count} bytes", { count: file.size }))),
    h("span", { class: "file-get" }, icon("download"), h("span", { class: "unseen" }, _("Download"))));
  if (file.mimetype !== "image/png") return card;
  return h("div", { class: "picture" },
    h("img", { src: fileUrl(app.user, file), alt: file.alt_txt || file.title || file.name }), card);
}
