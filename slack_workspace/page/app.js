// The page: who is looking, at what, and what the workspace says of it.

import * as api from "./api.js";
import { showBlocks } from "./blocks.js";
import { composer } from "./composer.js";
import { h, toast } from "./dom.js";
import { icon } from "./icons.js";
import { showMessages, thread, timeline } from "./messages.js";
import { Modal } from "./modal.js";
import { Panel } from "./panel.js";
import { showSidebar } from "./sidebar.js";
import { _, setWords } from "./words.js";

const find = (selector) => document.querySelector(selector);
const START = navigator.language.startsWith("ko") ? "mina" : "joon";

const app = {
  user: "", place: "messages", threadTs: null, hello: null, screen: null,
  seen: new Map(), // channel -> the newest message that was on the screen, per person
  told: [],
  stop: () => {},

  // -- what modules ask

  world() {
    const me = this.hello.people[this.user];
    const channels = Object.fromEntries(this.screen?.channels.filter((one) => one.name).map((one) => [one.id, one.name]) ?? []);
    return { people: this.hello.people, groups: this.hello.groups, channels, locale: me.locale, tz: me.tz };
  },
  salt: () => `${app.user}${app.hello?.people[app.user].locale}${drawings}`,
  channelId: () => (["messages", "home"].includes(app.place) ? app.screen.dm : app.place),
  isUnread: (channel, ts) => Number(app.seen.get(app.user + channel) ?? 0) < Number(ts),
  act: (verb, body = {}) => api.act(app.user, verb, body).then(checked),
  messageContext: (message) => ({
    id: message.ts, user: app.user, world: app.world(), place: { message: message.ts },
    value: (block, action) => initial(message.blocks, block, action),
    fill: () => {}, redraw: () => app.refresh(true),
    act: (verb, body, element) => insist(() => blocksOf(message.ts), verb, body, element),
  }),
  focusComposer: () => main.focus(),

  // -- moving about

  become(id, place = "messages") {
    this.user = id;
    this.threadTs = null;
    this.place = place;
    this.reconnect();
  },
  go(place) {
    this.place = place;
    this.threadTs = null;
    document.body.classList.remove("show-sidebar", "show-panel");
    this.remember();
    this.refresh();
    this.opened();
    if (place !== "home" && !touch()) main.focus();
  },
  opened() {
    if (["home", "messages"].includes(this.place)) api.look(this.user, this.place).catch(complain);
  },
  openThread(ts) {
    this.threadTs = ts;
    this.refresh();
    find("#thread .pane-close").focus();
  },
  closeThread() {
    const ts = this.threadTs;
    this.threadTs = null;
    this.refresh();
    find(`[data-ts="${CSS.escape(ts)}"] .replies`)?.focus();
  },
  remember() {
    history.replaceState(null, "", `#${this.hello?.people[this.user]?.name ?? this.user}/${this.place}`);
  },
  setTheme(theme) {
    localStorage.setItem("theme", theme);
    document.documentElement.dataset.theme = theme;
    this.refresh();
  },

  // -- the stream

  /** Until the next screen came, or half a second. */
  news: () => new Promise((done) => {
    app.told.push(done);
    setTimeout(done, 500);
  }),

  reconnect() {
    this.stop();
    let first = true;
    this.stop = api.follow(this.user, {
      hello: (hello) => {
        if (this.hello && this.hello.boot !== hello.boot) return location.reload();
        this.hello = hello;
        this.user = hello.me;
        setWords(hello.words);
        document.documentElement.lang = hello.people[hello.me].locale.slice(0, 2);
        this.lost = false;
        return label();
      },
      screen: (screen) => {
        this.screen = screen;
        this.told.splice(0).forEach((done) => done());
        this.refresh();
        if (first) {
          first = false;
          if (this.place !== "home" && this.place !== "messages" && !screen.channels.some((one) => one.id === this.place))
            this.place = "messages";
          this.remember();
          this.opened();
        }
        document.body.dataset.ready = this.user;
      },
      panel: (panel) => side.update(panel),
      lost: () => {
        this.lost = true;
        status();
      },
      refused: () => setTimeout(() => this.reconnect(), 2000),
    });
  },

  /** Draws everything that changed; `anew` also what a person changed and took back. */
  refresh(anew = false) {
    if (!this.screen) return;
    if (anew) drawings++;
    header();
    content();
    showSidebar(find("#sidebar"), this);
    threadPane();
    modal.update(this.screen.views);
    status();
  },
};

let drawings = 0;
const touch = () => matchMedia("(pointer: coarse)").matches;
const complain = (error) => void toast(error.message);

function checked(outcome) {
  if (outcome?.error === "dispatch_failed") toast(_("KWS isn't connected. Try again in a minute."));
  else if (outcome?.error === "operation_timeout") toast(_("KWS didn't respond in time. Try again."));
  return outcome;
}

const blocksOf = (ts) =>
  [...app.screen.ephemeral, ...app.screen.channels.flatMap((one) => one.messages)].find((one) => one.ts === ts)?.blocks ?? [];

// What the bot redraws gets new block ids: whoever clicked on the old drawing means the same thing on the new one.
async function insist(blocks, verb, body, element) {
  try {
    return await app.act(verb, body);
  } catch (error) {
    if (error.status !== 409) return complain(error);
    await app.news();
    const same = JSON.stringify(element);
    const parts = (block) => [block.accessory, ...(block.elements ?? []), block.element];
    const block = blocks().find((one) => parts(one).some((part) => JSON.stringify(part) === same));
    if (block) return app.act(verb, { ...body, name: `${block.block_id}/${element.action_id}` }).catch(gone);
    return gone();
  }
}

const gone = () => void toast(_("This was just updated. Check it again."));

function initial(blocks, blockId, actionId) {
  const block = blocks.find((one) => one.block_id === blockId);
  const element = [block.accessory, ...(block.elements ?? []), block.element].find((one) => one?.action_id === actionId);
  return {
    value: element.initial_value, selected_option: element.initial_option, selected_options: element.initial_options,
    selected_date: element.initial_date, selected_time: element.initial_time, selected_user: element.initial_user,
  };
}

// -- parts of the page

async function send(text, more) {
  const channel = app.channelId();
  if (!text.startsWith("/")) {
    await app.act("say", { text, channel, ...more });
    return "";
  }
  const commands = new Set(app.hello.hints.map((hint) => hint.command.split(" ")[0]));
  const command = text.split(/\s/)[0];
  if (commands.size && !commands.has(command))
    return _("Unknown command: {command}. Available: {known}", { command, known: [...commands].join(", ") });
  await app.act("command", { text, channel });
  return "";
}

const main = composer({ id: "composer", hints: () => app.hello?.hints ?? [], send: (text) => send(text) });
const reply = composer({ id: "reply", hints: () => [], send: (text) => send(text, { thread_ts: app.threadTs }) });
const modal = new Modal(app);
const side = new Panel(find("#panel"), app);

function label() {
  find("#skip").textContent = _("Skip to the message box");
  find("#open-sidebar").setAttribute("aria-label", _("Channels and people"));
  find("#open-panel").setAttribute("aria-label", _("Demo controls"));
  find("#panel h2").textContent = _("Demo controls");
  find("#thread h2").textContent = _("Thread");
  find("#sidebar").setAttribute("aria-label", _("Channels and people"));
  for (const close of document.querySelectorAll(".pane-close")) close.setAttribute("aria-label", _("Close"));
  reply.label(_("Reply…"), _("Send"));
}

function header() {
  const dm = ["messages", "home"].includes(app.place);
  const bot = app.hello.people[app.hello.bot].real_name;
  const name = dm ? bot : app.screen.channels.find((one) => one.id === app.place).name;
  find("#place-name").replaceChildren(icon(dm ? "server" : "hash"), name);
  document.title = `${name} · ${app.hello.team}`;
  const tabs = find("#tabs");
  tabs.hidden = !dm;
  tabs.setAttribute("aria-label", bot);
  const focused = tabs.contains(document.activeElement);
  tabs.replaceChildren(...[["home", _("Home")], ["messages", _("Messages")]].map(([place, text]) =>
    h("button", { type: "button", class: "tab", role: "tab", id: `tab-${place}`, "aria-controls": "content",
      "aria-selected": String(app.place === place), tabindex: app.place === place ? "0" : "-1",
      onclick: () => app.go(place), onkeydown: tabKeys }, text)));
  if (focused) tabs.querySelector("[aria-selected=true]").focus();
}

function tabKeys(event) {
  if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  app.go(app.place === "home" ? "messages" : "home");
  find(`#tab-${app.place}`).focus();
}

let drawnPlace = "";

function content() {
  const here = `${app.user}/${app.place}`;
  const fresh = here !== drawnPlace;
  drawnPlace = here;
  const [home, list] = [find("#home"), find("#messages")];
  home.hidden = app.place !== "home";
  list.hidden = main.node.hidden = app.place === "home";
  if (app.place === "home") return showHome(home);
  if (fresh) list.replaceChildren();
  const messages = timeline(app.screen, app.channelId());
  showMessages(list, messages, app, { fresh });
  list.setAttribute("aria-label", _("Messages"));
  list.hidden = messages.length === 0;
  find("#nothing").hidden = messages.length > 0;
  find("#nothing").textContent = _("Nothing here yet. Type {command} and press Enter.", { command: "/kws" });
  main.label(_("Message, or a command such as {command}", { command: document.documentElement.lang === "ko" ? "/kws 대여" : "/kws rent" }), _("Send"));
  const newest = app.screen.channels.find((one) => one.id === app.channelId()).messages.at(-1)?.ts;
  if (newest) app.seen.set(app.user + app.channelId(), newest);
  return undefined;
}

function showHome(root) {
  find("#nothing").hidden = true;
  const view = app.screen.home;
  const blocks = view?.blocks ?? [{ type: "context", block_id: "none", elements: [{ type: "plain_text", text: _("KWS hasn't added anything here.") }] }];
  showBlocks(root, blocks, {
    id: view?.id ?? "home", user: app.user, world: app.world(), place: { where: "home" },
    value: (block, action) => app.screen.home.state.values[block]?.[action],
    fill: () => {}, redraw: () => app.refresh(true),
    act: (verb, body, element) => insist(() => app.screen.home.blocks, verb, body, element),
  }, app.salt());
}

function threadPane() {
  const pane = find("#thread");
  const messages = app.threadTs ? thread(app.screen, app.channelId(), app.threadTs) : [];
  const opening = pane.hidden && messages.length > 0;
  pane.hidden = messages.length === 0;
  document.body.classList.toggle("has-thread", messages.length > 0);
  if (messages.length) showMessages(pane.querySelector(".messages"), messages, app, { inThread: true, fresh: opening });
}

function status() {
  const bar = find("#status");
  const text = app.lost ? _("Connection lost. Reconnecting…")
    : app.screen && !app.screen.connections ? _("KWS isn't connected. Reconnecting…") : "";
  bar.hidden = !text;
  if (bar.textContent !== text) bar.textContent = text;
}

// -- the start

function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => (document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light"));
  theme();
  dark.addEventListener("change", () => (theme(), app.refresh()));
  find("#main").append(main.node);
  find("#thread").append(reply.node);
  find("#open-sidebar").append(icon("menu"));
  find("#open-panel").append(icon("clock"));
  find("#skip").addEventListener("click", (event) => (event.preventDefault(), main.focus()));
  for (const [button, name] of [["#open-sidebar", "show-sidebar"], ["#open-panel", "show-panel"]])
    find(button).addEventListener("click", () => document.body.classList.toggle(name));
  const closeDrawers = () => document.body.classList.remove("show-sidebar", "show-panel");
  find("#shade").addEventListener("click", closeDrawers);
  for (const close of document.querySelectorAll(".pane-close")) {
    close.append(icon("close"));
    close.addEventListener("click", () => (close.closest("#thread") ? app.closeThread() : closeDrawers()));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || find("dialog[open]")) return;
    if (document.body.matches(".show-sidebar, .show-panel")) closeDrawers();
    else if (app.threadTs) app.closeThread();
  });
  window.addEventListener("hashchange", fromAddress);
  fromAddress();
}

function fromAddress() {
  const [user, place] = location.hash.slice(1).split("/");
  app.become(user || START, place || "messages");
}

start();
