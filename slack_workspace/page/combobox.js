// A select whose options the bot suggests while one types (external_select).

import * as api from "./api.js";
import { h, newId } from "./dom.js";
import { emojis, textObject } from "./mrkdwn.js";
import { openAt } from "./popup.js";
import { _, _n } from "./words.js";

const PAUSE = 150; // milliseconds without a key until the bot is asked
const LEAST = 3; // letters, where the element does not say

export function combobox(element, field) {
  const id = newId("choices");
  const least = element.min_query_length ?? LEAST;
  let picked = field.value?.selected_option ?? null;
  let options = [];
  let at = -1;
  let timer = 0;
  let asked = 0;
  let hide = null;
  let list = null;

  const input = h("input", {
    ...field.attributes, type: "text", role: "combobox", class: "input select", autocomplete: "off", spellcheck: "false",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id,
    placeholder: element.placeholder ? emojis(element.placeholder.text) : "",
    value: label(picked), onfocus: focus, onclick: ask, oninput: typed, onkeydown: keys, onblur: () => setTimeout(leave, 120),
  });
  input.addEventListener("popup-closed", () => {
    hide = list = null;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  });
  return h("div", { class: "combobox" }, input);

  function label(option) {
    return option ? emojis(option.text.text) : "";
  }
  function focus() {
    input.select();
    ask();
  }
  function typed() {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  }
  async function ask() {
    const query = input.value === label(picked) ? "" : input.value;
    const mine = ++asked;
    if (query.length < least) {
      show([], _n("Type {n} letter or more.", "Type {n} letters or more.", least));
      return;
    }
    const found = await api.suggestions(field.user, { name: field.name, query, ...field.place }).catch(() => []);
    if (mine === asked && document.activeElement === input) show(found, _("No results."));
  }
  function show(found, nothing) {
    options = found;
    at = -1;
    if (!list) {
      list = h("div", { class: "popup", id, role: "listbox", "data-wide": "yes" });
      hide = openAt(input, list);
      input.setAttribute("aria-expanded", "true");
    }
    const rows = found.map((option, number) =>
      h("div", { class: "option", role: "option", id: `${id}-${number}`, "aria-selected": "false",
        onpointerdown: (event) => (event.preventDefault(), take(option)) },
        h("div", {}, textObject(option.text, field.world)),
        option.description && h("div", { class: "faint" }, textObject(option.description, field.world))),
    );
    list.replaceChildren(...(rows.length ? rows : [h("div", { class: "option faint" }, nothing)]));
  }
  function keys(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !list) ask();
    else if (step && options.length) move((at + step + options.length) % options.length);
    else if (event.key === "Enter") {
      if (list && options.length) take(options[Math.max(0, at)]);
      else if (!list) return;
    } else if (event.key === "Escape" && list) hide();
    else {
      if (event.key === "Tab") hide?.();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
  function move(to) {
    list.children[at]?.setAttribute("aria-selected", "false");
    at = to;
    list.children[at].setAttribute("aria-selected", "true");
    list.children[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", `${id}-${at}`);
  }
  function take(option) {
    picked = option;
    input.value = label(option);
    input.select();
    hide?.();
    field.set(option);
  }
  function leave() {
    if (document.activeElement === input) return;
    asked++;
    hide?.();
    if (!input.value.trim() && picked) {
      picked = null;
      field.set(null);
    }
    input.value = label(picked);
  }
}
