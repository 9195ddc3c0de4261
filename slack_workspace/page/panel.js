// The side panel: the clock and the nodes behind the bot.

import * as api from "./api.js";
import { h, patch, toast } from "./dom.js";
import { icon } from "./icons.js";
import { _, N_ } from "./words.js";

const STEPS = [
  ["hour", N_("1 hour")], ["day", N_("1 day")], ["week", N_("1 week")], ["midnight", N_("Until next 00:00")],
];
const MOODS = [["normal", N_("Normal")], ["slow", N_("Slow")], ["dead", N_("Down")]];
const STATES = {
  requested: N_("Queued"), building: N_("Creating"), ready: N_("Running"),
  stopped: N_("Expired"), ending: N_("Deleting"),
};

const tell = (verb, body) => api.stage(verb, body).catch((error) => toast(error.message));

export class Panel {
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.panel = {};
    setInterval(() => this.tick(), 1000);
  }

  update(panel) {
    this.panel = panel;
    document.body.classList.toggle("has-panel", Boolean(panel.nodes));
    if (!panel.nodes) return;
    const world = this.app.world();
    const { nodes, skipped: _skipped, ...clock } = panel;
    const cards = [{ key: "clock", clock }, { key: "title" }, ...nodes.map((node) => ({ key: `node-${node.name}`, node, simulated: panel.simulated }))];
    patch(this.root.querySelector(".panel-body"), cards, {
      key: (card) => card.key,
      salt: this.app.salt(),
      draw: (card) => (card.node ? nodeCard(card.node, card.simulated) : card.clock ? clockCard(card.clock) : nodesTitle(panel, world)),
    });
    this.tick();
  }

  tick() {
    const at = this.root.querySelector(".clock-time");
    if (!at) return;
    const { locale, tz } = this.app.world();
    const now = new Date(Date.now() + this.panel.skipped * 1000);
    const format = (timeZone, options) => new Intl.DateTimeFormat(locale, { ...options, timeZone }).format(now);
    at.textContent = format(this.panel.zone, { timeStyle: "short" });
    this.root.querySelector(".clock-day").textContent = format(this.panel.zone, { dateStyle: "full" });
    this.root.querySelector(".clock-mine").textContent = tz === this.panel.zone ? "" : _("Your time in {zone}: {time}", {
      zone: tz, time: format(tz, { weekday: "short", hour: "numeric", minute: "2-digit" }),
    });
  }
}

function clockCard(clock) {
  const why = _("The nodes are real, so you can't change the clock here.");
  return h("section", { class: "card", "aria-label": _("Clock") },
    h("h3", {}, icon("clock"), _("Clock")),
    h("div", { class: "clock-time" }), h("div", { class: "clock-day" }), h("div", { class: "faint" }, clock.zone), h("div", { class: "faint clock-mine" }),
    clock.clock
      ? [h("p", { class: "faint" }, clock.travelling
          ? _("Moving the clock. Reminders and nightly cleanups run on the way…")
          : _("Move the clock forward to see reminders and the nightly cleanup at 00:00.")),
        h("div", { class: "steps" }, STEPS.map(([step, label]) =>
          h("button", { type: "button", class: "button", "data-focus": `clock-${step}`, disabled: clock.travelling,
            onclick: () => tell("clock", { step }) }, _(label))))]
      : h("p", { class: "faint" }, why));
}

function nodesTitle(panel) {
  return h("div", { class: "panel-title" }, h("h3", {}, icon("server"), _("Nodes")),
    h("p", { class: "faint" }, panel.simulated
      ? _("These nodes are simulated. Make one slow or down, and see what KWS does. Sites of their servers open over HTTP here.")
      : _("These are the real nodes in nodes.toml, so you can't slow them or shut them down here.")));
}

function nodeCard(node, simulated) {
  return h("section", { class: "card node", "aria-label": node.name },
    h("div", { class: "node-head" },
      h("strong", {}, node.name),
      h("span", { class: `state ${node.up ? "up" : "down"}` }, node.up ? _("Responding") : _("Not responding"))),
    meter("vCPU", node.vcpus - node.free_vcpus, node.vcpus, ""),
    meter(_("Memory"), (node.ram_mb - node.free_ram_mb) / 1024, node.ram_mb / 1024, " GB"),
    h("ul", { class: "machines" }, node.rentals.map((one) =>
      h("li", {}, h("span", { class: `dot ${one.status}` }), h("span", { class: "machine-name" }, one.name),
        h("span", { class: "faint" }, _(STATES[one.status] ?? one.status)),
        one.sites.map((site) => siteLink(site, one.name))))),
    simulated && h("div", { class: "moods", role: "radiogroup", "aria-label": _("Behavior of {node}", { node: node.name }) },
      MOODS.map(([mood, label]) =>
        h("label", { class: `mood${node.mood === mood ? " on" : ""}` },
          h("input", { type: "radio", name: `mood-${node.name}`, value: mood, checked: node.mood === mood,
            "data-focus": `${node.name}-${mood}`, onchange: () => tell("node", { name: node.name, mood }) }),
          _(label)))));
}

function siteLink(site, name) {
  const label = _("Open the site of {name}: {address}", { name, address: site });
  return h("a", { class: "site", href: site, target: "_blank", rel: "noopener noreferrer", title: label, "aria-label": label },
    icon("globe"));
}

function meter(label, used, all, unit) {
  const share = all ? Math.min(1, used / all) : 0;
  const bar = h("span", { class: "bar" });
  bar.style.width = `${Math.round(share * 100)}%`;
  const shown = `${round(used)} / ${round(all)}${unit}`;
  return h("div", { class: "meter", role: "img", "aria-label": `${label} ${shown}` },
    h("span", {}, label), h("span", { class: "track" }, bar), h("span", { class: "faint" }, shown));
}

const round = (number) => Math.round(number * 10) / 10;
