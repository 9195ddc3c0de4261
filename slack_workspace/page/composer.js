// The box that people type into, with hints while it is a slash command.

import { h, newId, toast } from "./dom.js";
import { icon } from "./icons.js";
import { openAt } from "./popup.js";
import { _ } from "./words.js";

/** `where()` says the channel and thread; `hints()` the commands; `send(text)` does it. */
export function composer({ id, hints, send }) {
  const listId = newId("hints");
  let list = null;
  let hide = null;
  let shown = [];
  let at = -1;
  const box = h("textarea", {
    id, class: "composer-box", rows: 1, role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
    "aria-controls": listId, autocomplete: "off", spellcheck: "false", "data-focus": id,
    oninput: () => (grow(), suggest()), onkeydown: keys, onfocus: suggest, onblur: () => setTimeout(() => hide?.(), 120),
  });
  box.addEventListener("popup-closed", () => {
    list = hide = null;
    at = -1;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  });
  const button = h("button", { type: "submit", class: "button primary send" }, icon("send"));
  const form = h("form", { class: "composer", onsubmit: (event) => (event.preventDefault(), submit()) }, box, button);
  return {
    node: form,
    focus: () => box.focus(),
    label(text, sendLabel) {
      box.setAttribute("aria-label", text);
      box.placeholder = text;
      button.setAttribute("aria-label", sendLabel);
      button.title = sendLabel;
    },
    put(text) {
      box.value = text;
      grow();
      box.focus();
    },
  };

  function grow() {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 160)}px`;
  }
  function matches() {
    const typed = box.value;
    if (!typed.startsWith("/") || typed.includes("\n")) return [];
    return hints().filter((hint) => [hint.command, hint.alias].some((one) => one && one.startsWith(typed.trimEnd())));
  }
  function suggest() {
    shown = matches();
    if (!shown.length) return hide?.();
    if (!list) {
      list = h("div", { class: "popup hints", id: listId, role: "listbox", "aria-label": _("Commands"), "data-wide": "yes" });
      hide = openAt(form, list);
      form.addEventListener("popup-closed", () => box.dispatchEvent(new CustomEvent("popup-closed")), { once: true });
      box.setAttribute("aria-expanded", "true");
    }
    at = -1;
    list.replaceChildren(...shown.map((hint, number) =>
      h("div", { class: "option", role: "option", id: `${listId}-${number}`, "aria-selected": "false",
        onpointerdown: (event) => (event.preventDefault(), take(hint)) },
        h("div", {}, h("code", {}, hint.alias && preferred(hint) === hint.alias ? hint.alias : hint.command),
          hint.arguments && h("span", { class: "faint" }, ` ${hint.arguments}`)),
        h("div", { class: "faint" }, hint.text,
          hint.alias && ` · ${preferred(hint) === hint.alias ? hint.command : hint.alias}`))));
    return undefined;
  }
  // A person who reads Korean is offered the Korean name, unless they began to type the English one.
  function preferred(hint) {
    const typed = box.value.trimEnd();
    if (!hint.alias || !hint.alias.startsWith(typed)) return hint.command;
    if (!hint.command.startsWith(typed)) return hint.alias;
    return document.documentElement.lang === "ko" ? hint.alias : hint.command;
  }
  function take(hint) {
    box.value = preferred(hint) + (hint.arguments ? " " : "");
    grow();
    hide?.();
    box.focus();
  }
  function move(step) {
    list.children[at]?.setAttribute("aria-selected", "false");
    at = (at + step + shown.length + (at < 0 && step < 0 ? 1 : 0)) % shown.length;
    list.children[at].setAttribute("aria-selected", "true");
    list.children[at].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", `${listId}-${at}`);
  }
  function keys(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (list && step) move(step);
    else if (list && event.key === "Escape") hide();
    else if (list && event.key === "Tab" && !event.shiftKey && box.value !== preferred(shown[Math.max(0, at)])) take(shown[Math.max(0, at)]);
    else if (event.key === "Enter" && !event.shiftKey) list && at >= 0 ? take(shown[at]) : submit();
    else return;
    event.preventDefault();
  }
  async function submit() {
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    grow();
    hide?.();
    const complaint = await send(text).catch((error) => String(error.message ?? error));
    if (complaint) toast(complaint);
  }
}
