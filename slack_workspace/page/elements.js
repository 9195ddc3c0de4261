// The interactive elements of Block Kit. Each gets `field`: how it is called, what stands in it, whom it tells.

import { combobox } from "./combobox.js";
import { h, newId } from "./dom.js";
import { icon } from "./icons.js";
import { emojis, textObject } from "./mrkdwn.js";
import { confirmed, menu } from "./popup.js";
import { _ } from "./words.js";

const LIVE_PAUSE = 300; // milliseconds without a key until a field that reports each letter does so
const FIRST_YEAR = "1970"; // a year that is still being typed is smaller

/** The element as a node; `more` has aria attributes of the block that it stands in. */
export function draw(block, element, context, more = {}) {
  const maker = MAKERS[element.type];
  if (!maker) return h("p", { class: "faint" }, _("This page can't show a {kind}.", { kind: element.type }));
  return maker(element, fieldOf(block, element, context, more));
}

function fieldOf(block, element, context, more) {
  const name = `${block.block_id}/${element.action_id}`;
  const reports = block.type !== "input" || block.dispatch_action;
  const label = block.type !== "input" && (element.accessibility_label ?? element.placeholder?.text ?? block.text?.text);
  return {
    name, reports,
    user: context.user, world: context.world, place: context.place,
    value: context.value(block.block_id, element.action_id),
    attributes: { "data-focus": `${context.id}/${name}`, "aria-label": label || undefined, ...more },
    set: (value) => (reports ? report(value) : context.fill(block.block_id, name, value)),
    keep: (value) => context.fill(block.block_id, name, value),
    press: (button) => press(button),
  };
  async function agreed() {
    return !element.confirm || (await confirmed(element.confirm, context.world));
  }
  async function report(value) {
    if (await agreed()) await context.act("choose", { name, value, confirm: true, ...context.place }, element);
    else context.redraw();
  }
  async function press(button) {
    if (!(await agreed())) return;
    button.setAttribute("aria-busy", "true");
    await context.act("click", { name, confirm: true, ...context.place }, element);
    button.removeAttribute("aria-busy");
  }
}

function button(element, field) {
  const style = element.style ? ` ${element.style}` : "";
  const node = h("button", {
    ...field.attributes, type: "button", class: `button${style}`, "aria-label": element.accessibility_label,
    onclick: () => {
      if (element.url && /^https?:/i.test(element.url)) window.open(element.url, "_blank", "noopener");
      if (!node.hasAttribute("aria-busy")) field.press(node);
    },
  }, textObject(element.text, field.world));
  return node;
}

const INPUT_TYPES = { number_input: "text", email_text_input: "email", url_text_input: "url" };

function textInput(element, field) {
  const many = element.multiline;
  const live = element.dispatch_action_config?.trigger_actions_on?.includes("on_character_entered");
  const enter = !live || element.dispatch_action_config.trigger_actions_on.includes("on_enter_pressed");
  let timer = 0;
  const node = h(many ? "textarea" : "input", {
    ...field.attributes, class: "input", rows: many ? 5 : undefined, autocomplete: "off",
    type: many ? undefined : INPUT_TYPES[element.type] ?? "text",
    inputmode: element.type === "number_input" ? (element.is_decimal_allowed ? "decimal" : "numeric") : undefined,
    maxlength: element.max_length, spellcheck: "false", value: field.value?.value ?? "",
    placeholder: element.placeholder ? emojis(element.placeholder.text) : undefined,
    oninput: () => {
      if (!field.reports) field.set(node.value);
      else if (live) {
        clearTimeout(timer);
        timer = setTimeout(() => field.set(node.value), LIVE_PAUSE);
      } else field.keep(node.value);
    },
    onkeydown: (event) => {
      if (event.key !== "Enter" || many || event.isComposing || !field.reports || !enter) return;
      event.preventDefault();
      field.set(node.value);
    },
  });
  return node;
}

function options(element, field, chosen) {
  const one = (option) =>
    h("option", { value: option.value, selected: option.value === chosen },
      emojis(option.text.text) + (option.description ? ` – ${emojis(option.description.text)}` : ""));
  if (!element.option_groups) return element.options.map(one);
  return element.option_groups.map((group) =>
    h("optgroup", { label: emojis(group.label.text) }, group.options.map(one)));
}

function select(field, placeholder, chosen, choices) {
  const node = h("select", { ...field.attributes, class: "input select", onchange: () => field.set(node.value || null) },
    h("option", { value: "", disabled: Boolean(chosen) && field.reports, selected: !chosen },
      placeholder ? emojis(placeholder.text) : _("Choose…")),
    choices);
  return node;
}

function staticSelect(element, field) {
  const chosen = field.value?.selected_option?.value;
  return select(field, element.placeholder, chosen, options(element, field, chosen));
}

function people(element, field) {
  const chosen = field.value?.selected_user;
  const all = Object.values(field.world.people).filter((one) => !one.is_bot);
  const choices = all.map((one) =>
    h("option", { value: one.id, selected: one.id === chosen }, `${one.real_name} (@${one.name})`));
  return select(field, element.placeholder, chosen, choices);
}

function channels(element, field) {
  const chosen = field.value?.selected_conversation ?? field.value?.selected_channel;
  const choices = Object.entries(field.world.channels).map(([id, name]) =>
    h("option", { value: id, selected: id === chosen }, `#${name}`));
  return select(field, element.placeholder, chosen, choices);
}

// A date that is typed changes with each digit; only Enter, leaving or a pick from the calendar is meant.
function picker(type, key) {
  return (element, field) => {
    let typing = false;
    let told = field.value?.[key] ?? "";
    const tell = () => {
      typing = false;
      if (node.value === told || (type === "date" && node.value && node.value < FIRST_YEAR)) return;
      told = node.value;
      field.set(node.value || null);
    };
    const node = h("input", {
      ...field.attributes, class: "input", type, value: told,
      onkeydown: (event) => {
        if (event.key === "Enter" && field.reports) {
          event.preventDefault();
          tell();
        } else typing = event.key !== "Enter";
      },
      onpointerdown: () => (typing = false),
      onchange: () => (typing && field.reports ? undefined : tell()),
      onblur: tell,
    });
    if (!element.placeholder) return node; // a native date field can't show it
    return h("label", { class: "picker" }, h("span", { class: "faint" }, emojis(element.placeholder.text)), node);
  };
}

// Radio buttons and checkboxes.
function choices(type) {
  return (element, field) => {
    const group = newId("group");
    const chosen = new Set((field.value?.selected_options ?? [field.value?.selected_option]).map((one) => one?.value));
    const boxes = element.options.map((option) => [option, h("input", {
      type, name: group, value: option.value, checked: chosen.has(option.value), onchange: changed,
      "data-focus": `${field.attributes["data-focus"]}/${option.value}`,
    })]);
    const { "data-focus": _focus, ...attributes } = field.attributes;
    return h("div", { ...attributes, role: type === "radio" ? "radiogroup" : "group", class: "choices" },
      boxes.map(([option, box]) =>
        h("label", { class: "choice" }, box, h("span", {}, h("span", {}, textObject(option.text, field.world)),
          option.description && h("span", { class: "faint line" }, textObject(option.description, field.world))))));
    function changed() {
      const on = boxes.filter(([, box]) => box.checked).map(([option]) => option.value);
      field.set(type === "radio" ? on[0] : on);
    }
  };
}

function overflow(element, field) {
  const node = h("button", { ...field.attributes, type: "button", class: "button overflow", "aria-haspopup": "menu",
    "aria-expanded": "false", "aria-label": _("More actions"),
    onclick: () => menu(node, element.options, field.world, (option) => field.set(option.value)) }, icon("dots"));
  return node;
}

const MAKERS = {
  button, workflow_button: button, overflow,
  plain_text_input: textInput, number_input: textInput, email_text_input: textInput, url_text_input: textInput,
  static_select: staticSelect, external_select: combobox, users_select: people,
  conversations_select: channels, channels_select: channels,
  datepicker: picker("date", "selected_date"), timepicker: picker("time", "selected_time"),
  radio_buttons: choices("radio"), checkboxes: choices("checkbox"), multi_static_select: choices("checkbox"),
};
