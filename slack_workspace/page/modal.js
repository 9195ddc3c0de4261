// The modal on top of a person's stack, with what is typed into it.

import { showBlocks } from "./blocks.js";
import { h, newId, toast } from "./dom.js";
import { icon } from "./icons.js";
import { emojis } from "./mrkdwn.js";
import { _, refusal } from "./words.js";

export class Modal {
  constructor(app) {
    this.app = app;
    this.view = null;
    this.drafts = new Map(); // block id -> {name, value}: typed here, not sent yet
    this.dialog = null;
    this.errors = "";
    this.before = null; // what had the focus
  }

  /** Shows the top one of the views, or none. */
  update(views) {
    const view = views.at(-1) ?? null;
    if (view?.id !== this.view?.id) this.replace(view);
    this.view = view;
    if (!view) return;
    this.heading.replaceChildren(emojis(view.title.text));
    this.back.hidden = views.length < 2;
    this.foot.replaceChildren(...this.buttons(view));
    showBlocks(this.body, view.blocks, this.context(view), `${this.app.salt()}${view.id}`);
    this.complain(view.errors ?? {});
    if (!this.dialog.open) {
      this.before = this.before ?? document.activeElement;
      this.dialog.showModal();
      this.first()?.focus();
    }
  }

  replace(view) {
    const inside = this.dialog?.contains(document.activeElement);
    this.dialog?.close();
    this.dialog?.remove();
    this.dialog = null;
    this.drafts.clear();
    this.errors = "";
    if (view) this.build();
    else if (inside || document.activeElement === document.body) {
      this.before?.isConnected ? this.before.focus() : this.app.focusComposer();
      this.before = null;
    }
  }

  build() {
    const title = newId("title");
    this.heading = h("h2", { id: title });
    this.back = h("button", { type: "button", class: "button quiet", "aria-label": _("Previous page"), onclick: () => this.close() }, icon("back"));
    this.body = h("div", { class: "modal-body" });
    this.foot = h("footer", { class: "modal-foot" });
    const form = h("form", { class: "modal-form", novalidate: true, onsubmit: (event) => (event.preventDefault(), this.submit()) },
      h("header", { class: "modal-head" }, this.back, this.heading,
        h("button", { type: "button", class: "button quiet", "aria-label": _("Close"), onclick: () => this.close(true) }, icon("close"))),
      this.body, this.foot);
    this.dialog = h("dialog", { class: "modal", "aria-labelledby": title,
      onkeydown: (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        this.close();
      },
      oncancel: (event) => {
        if (event.target !== this.dialog) return;
        event.preventDefault();
        this.close();
      },
    }, form);
    document.getElementById("modals").append(this.dialog);
  }

  buttons(view) {
    const busy = this.submitting;
    return [
      h("button", { type: "button", class: "button", "data-focus": "close", onclick: () => this.close() },
        emojis(view.close?.text ?? _("Close"))),
      view.submit && h("button", { type: "submit", class: "button primary", "data-focus": "submit",
        "aria-busy": busy ? "true" : undefined }, emojis(view.submit.text)),
    ].filter(Boolean);
  }

  first() {
    return this.body.querySelector("input, select, textarea, button") ?? this.foot.querySelector("button");
  }

  context(view) {
    return {
      id: view.id, user: this.app.user, world: this.app.world(), place: { where: "view" },
      value: (block, action) => this.view.state.values[block]?.[action],
      fill: (block, name, value) => {
        this.drafts.set(block, { name, value });
        this.complain(this.view.errors ?? {});
      },
      act: async (verb, body) => {
        this.drafts.delete(body.name.split("/")[0]);
        await this.flush();
        return this.app.act(verb, body);
      },
      redraw: () => this.app.refresh(true),
    };
  }

  /** Tells the workspace what was typed here. */
  async flush() {
    for (const [block, draft] of [...this.drafts]) {
      await this.app.act("fill", draft).catch(() => {}); // the field went while it was being typed into
      if (this.drafts.get(block) === draft) this.drafts.delete(block);
    }
  }

  async submit() {
    if (this.submitting || !this.view?.submit) return;
    this.submitting = true;
    this.foot.replaceChildren(...this.buttons(this.view));
    this.foot.querySelector("[type=submit]").focus();
    this.errors = "";
    try {
      await this.flush();
      const outcome = await this.app.act("submit");
      if (outcome?.error) toast(_("We had some trouble connecting. Try again?"));
    } finally {
      this.submitting = false;
      if (this.view) this.foot.replaceChildren(...this.buttons(this.view));
    }
  }

  async close(everything = false) {
    if (!this.view) return;
    await this.app.act("close", { everything });
  }

  /** Errors under their fields; the first one gets the focus when they are new. */
  complain(errors) {
    const shown = Object.fromEntries(Object.entries(errors).filter(([block]) => !this.drafts.has(block)));
    for (const field of this.body.querySelectorAll(".field")) {
      const text = shown[field.dataset.block];
      const note = field.querySelector(".error");
      const wanted = text ? refusal(text) : "";
      if (note.textContent !== wanted) note.textContent = wanted;
      note.hidden = !text;
      field.classList.toggle("wrong", Boolean(text));
      const control = field.querySelector("input, select, textarea");
      text ? control?.setAttribute("aria-invalid", "true") : control?.removeAttribute("aria-invalid");
    }
    const print = JSON.stringify(errors);
    if (print !== this.errors && Object.keys(shown).length && !this.drafts.size)
      this.body.querySelector(".wrong input, .wrong select, .wrong textarea")?.focus();
    this.errors = print;
  }
}
