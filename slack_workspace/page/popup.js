// What opens over something: a list of choices at an anchor, and the question before something that can hurt.

import { h, newId } from "./dom.js";
import { textObject } from "./mrkdwn.js";
import { _ } from "./words.js";

/** Shows `list` under (or above) `anchor`, in the top layer, also of a modal. Returns how to hide it. */
export function openAt(anchor, list) {
  list.setAttribute("popover", "manual");
  anchor.after(list);
  list.showPopover();
  const place = () => {
    const box = anchor.getBoundingClientRect();
    const room = window.innerHeight - box.bottom;
    const above = room < Math.min(list.offsetHeight + 8, 200) && box.top > room;
    const width = Math.max(list.dataset.wide ? box.width : 0, Math.min(list.offsetWidth, window.innerWidth - 16));
    list.style.minWidth = list.dataset.wide ? `${box.width}px` : "";
    list.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - width - 8))}px`;
    list.style.top = above ? "" : `${box.bottom + 4}px`;
    list.style.bottom = above ? `${window.innerHeight - box.top + 4}px` : "";
  };
  place();
  const outside = (event) => {
    if (!list.contains(event.target) && !anchor.contains(event.target)) hide();
  };
  const follow = (event) => (list.contains(event.target) ? undefined : place());
  document.addEventListener("pointerdown", outside, true);
  document.addEventListener("scroll", follow, true);
  let open = true;
  function hide() {
    if (!open) return;
    open = false;
    document.removeEventListener("pointerdown", outside, true);
    document.removeEventListener("scroll", follow, true);
    list.remove();
    anchor.dispatchEvent(new CustomEvent("popup-closed"));
  }
  return hide;
}

/** A menu at a button: arrows move, Enter takes, Escape closes. */
export function menu(button, options, world, take) {
  const items = options.map((option) =>
    h("button", { type: "button", role: "menuitem", class: "menu-item", tabindex: "-1", onclick: () => chosen(option) },
      textObject(option.text, world)),
  );
  const list = h("div", { class: "popup menu", role: "menu", onkeydown: keys }, items);
  button.setAttribute("aria-expanded", "true");
  button.addEventListener("popup-closed", () => button.setAttribute("aria-expanded", "false"), { once: true });
  const hide = openAt(button, list);
  items[0].focus();
  function chosen(option) {
    hide();
    button.focus();
    take(option);
  }
  function keys(event) {
    const at = items.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) items[(at + step + items.length) % items.length].focus();
    else if (event.key === "Home") items[0].focus();
    else if (event.key === "End") items.at(-1).focus();
    else if (event.key === "Escape" || event.key === "Tab") {
      hide();
      button.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** The confirmation dialog of an element: resolves to whether the person agreed. */
export function confirmed(question, world) {
  return new Promise((answer) => {
    const title = newId("confirm");
    const finish = (agreed) => {
      dialog.close();
      dialog.remove();
      answer(agreed);
    };
    const style = question.style === "danger" ? "danger" : "primary";
    const dialog = h(
      "dialog",
      { class: "modal confirm", "aria-labelledby": title, onkeydown: escape, oncancel: cancel },
      h("header", { class: "modal-head" }, h("h2", { id: title }, textObject(question.title, world))),
      h("div", { class: "modal-body text" }, textObject(question.text, world)),
      h(
        "footer",
        { class: "modal-foot" },
        h("button", { type: "button", class: "button", onclick: () => finish(false) }, textObject(question.deny, world)),
        h("button", { type: "button", class: `button ${style}`, onclick: () => finish(true) },
          textObject(question.confirm, world)),
      ),
    );
    function cancel(event) {
      event.preventDefault();
      finish(false);
    }
    function escape(event) {
      if (event.key === "Escape") cancel(event);
    }
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("button").focus();
  });
}

export const closeLabel = () => _("Close");
